/* See shim.h: macros of the installed headers as functions, and nothing else. */
#include "shim.h"
#include "http_config.h"
#include "http_core.h"
#include "http_log.h"

apr_bucket *wsgi_shim_brigade_first(apr_bucket_brigade *bb) { return APR_BRIGADE_FIRST(bb); }

int wsgi_shim_brigade_empty(apr_bucket_brigade *bb) { return APR_BRIGADE_EMPTY(bb); }

void wsgi_shim_brigade_insert_tail(apr_bucket_brigade *bb, apr_bucket *b) { APR_BRIGADE_INSERT_TAIL(bb, b); }

apr_status_t wsgi_shim_bucket_read(apr_bucket *b, const char **data, apr_size_t *len, apr_read_type_e block)
{
    return apr_bucket_read(b, data, len, block);
}

void wsgi_shim_bucket_delete(apr_bucket *b) { apr_bucket_delete(b); }

void wsgi_shim_bucket_split(apr_bucket *b, apr_size_t at) { apr_bucket_split(b, at); }

void wsgi_shim_bucket_init(apr_bucket *b, apr_bucket_alloc_t *list)
{
    APR_BUCKET_INIT(b);
    b->free = apr_bucket_free;
    b->list = list;
}

int wsgi_shim_bucket_is_eos(apr_bucket *b) { return APR_BUCKET_IS_EOS(b); }

apr_bucket *wsgi_shim_bucket_next(apr_bucket *b) { return APR_BUCKET_NEXT(b); }

apr_bucket *wsgi_shim_brigade_sentinel(apr_bucket_brigade *bb) { return APR_BRIGADE_SENTINEL(bb); }

int wsgi_shim_bucket_is_flush(apr_bucket *b) { return APR_BUCKET_IS_FLUSH(b); }

int wsgi_shim_bucket_is_metadata(apr_bucket *b) { return APR_BUCKET_IS_METADATA(b); }

int wsgi_shim_status_is_timeup(apr_status_t rv) { return APR_STATUS_IS_TIMEUP(rv); }

int wsgi_shim_status_is_eof(apr_status_t rv) { return APR_STATUS_IS_EOF(rv); }

int wsgi_shim_status_is_incomplete(apr_status_t rv) { return APR_STATUS_IS_INCOMPLETE(rv); }

int wsgi_shim_log_is_level(const server_rec *s, const request_rec *r, int module_index, int level)
{
    return r ? APLOG_R_MODULE_IS_LEVEL(r, module_index, level) : APLOG_MODULE_IS_LEVEL(s, module_index, level);
}
