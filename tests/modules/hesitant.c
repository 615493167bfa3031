/* Input filters that give data slowly, as mod_deflate and its kind may: what a reader of bodies has to stand. */
#include "httpd.h"
#include "http_config.h"
#include "util_filter.h"
#include "apr_buckets.h"

/* Before each byte of the body: a brigade without buckets, one with a FLUSH bucket alone, one with an empty bucket. */
static apr_status_t hesitant(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
                             apr_off_t bytes)
{
    int *step = f->ctx;
    if (mode != AP_MODE_READBYTES)
        return ap_get_brigade(f->next, bb, mode, block, bytes);
    if (!step)
        step = f->ctx = apr_pcalloc(f->r->pool, sizeof *step);
    switch ((*step)++ % 4) {
    case 0:
        return APR_SUCCESS;
    case 1:
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(bb->bucket_alloc));
        return APR_SUCCESS;
    case 2:
        APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_immortal_create("", 0, bb->bucket_alloc));
        return APR_SUCCESS;
    default:
        return ap_get_brigade(f->next, bb, mode, block, 1);
    }
}

/* Neither data nor an end, ever. */
static apr_status_t mute(ap_filter_t *f, apr_bucket_brigade *bb, ap_input_mode_t mode, apr_read_type_e block,
                         apr_off_t bytes)
{
    return mode == AP_MODE_READBYTES ? APR_SUCCESS : ap_get_brigade(f->next, bb, mode, block, bytes);
}

static void hooks(apr_pool_t *pool)
{
    ap_register_input_filter("HESITANT", hesitant, NULL, AP_FTYPE_RESOURCE);
    ap_register_input_filter("MUTE", mute, NULL, AP_FTYPE_RESOURCE);
}

AP_DECLARE_MODULE(hesitant) = { STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, hooks };
