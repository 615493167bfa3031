/* One function for each thing that httpd and APR offer only as a macro, named after the macro it stands for. */
#ifndef MOD_WSGI_SHIM_H
#define MOD_WSGI_SHIM_H

#include "httpd.h"
#include "apr_buckets.h"

apr_bucket *wsgi_shim_brigade_first(apr_bucket_brigade *bb);
int wsgi_shim_brigade_empty(apr_bucket_brigade *bb);
void wsgi_shim_brigade_insert_tail(apr_bucket_brigade *bb, apr_bucket *b);
apr_status_t wsgi_shim_bucket_read(apr_bucket *b, const char **data, apr_size_t *len, apr_read_type_e block);
void wsgi_shim_bucket_delete(apr_bucket *b);
void wsgi_shim_bucket_split(apr_bucket *b, apr_size_t at);
void wsgi_shim_bucket_init(apr_bucket *b, apr_bucket_alloc_t *list);
int wsgi_shim_bucket_is_eos(apr_bucket *b);
apr_bucket *wsgi_shim_bucket_next(apr_bucket *b);
apr_bucket *wsgi_shim_brigade_sentinel(apr_bucket_brigade *bb);
int wsgi_shim_bucket_is_flush(apr_bucket *b);
int wsgi_shim_bucket_is_metadata(apr_bucket *b);
int wsgi_shim_status_is_timeup(apr_status_t rv);
int wsgi_shim_status_is_eof(apr_status_t rv);
int wsgi_shim_status_is_incomplete(apr_status_t rv);
int wsgi_shim_log_is_level(const server_rec *s, const request_rec *r, int module_index, int level);

#endif
