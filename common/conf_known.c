/*
 * common/conf_known.c - the directives that nginx has, by the module they belong to.
 *
 * Names only, from nginx's documentation: what is not in our tables but here gets a better answer
 * than "unknown directive".
 */
#include "common/conf_known.h"

static const struct {
    const char *module;
    bool commercial;
    const char *names;
} known[] = {
    {"core", false,
     "daemon debug_points env load_module lock_file master_process pid timer_resolution "
     "user worker_cpu_affinity worker_priority worker_processes worker_rlimit_core "
     "worker_rlimit_nofile worker_shutdown_timeout working_directory"},
    {"conf", false,
     "include"},
    {"errlog", false,
     "error_log"},
    {"regex", false,
     "pcre_jit"},
    {"thread_pool", false,
     "thread_pool"},
    {"events", false,
     "events"},
    {"event_core", false,
     "accept_mutex accept_mutex_delay debug_connection multi_accept use "
     "worker_connections"},
    {"openssl", false,
     "ssl_engine"},
    {"openssl_cache", false,
     "ssl_object_cache_inheritable"},
    {"devpoll", false,
     "devpoll_changes devpoll_events"},
    {"epoll", false,
     "epoll_events worker_aio_requests"},
    {"eventport", false,
     "eventport_events"},
    {"iocp", false,
     "acceptex_read iocp_threads post_acceptex"},
    {"kqueue", false,
     "kqueue_changes kqueue_events"},
    {"quic_bpf", false,
     "quic_bpf"},
    {"http", false,
     "http"},
    {"http_copy_filter", false,
     "output_buffers"},
    {"http_core", false,
     "absolute_redirect aio aio_write alias auth_delay chunked_transfer_encoding "
     "client_body_buffer_size client_body_early_read client_body_in_file_only "
     "client_body_in_single_buffer client_body_temp_path client_body_timeout "
     "client_header_buffer_size client_header_timeout client_max_body_size "
     "connection_pool_size default_type directio directio_alignment disable_symlinks "
     "early_hints error_log error_page etag gzip_disable gzip_http_version gzip_proxied "
     "gzip_vary if_modified_since ignore_invalid_headers internal keepalive_disable "
     "keepalive_min_timeout keepalive_requests keepalive_time keepalive_timeout "
     "large_client_header_buffers limit_except limit_rate limit_rate_after "
     "lingering_close lingering_time lingering_timeout listen location log_not_found "
     "log_subrequest max_headers max_ranges merge_slashes msie_padding msie_refresh "
     "open_file_cache open_file_cache_errors open_file_cache_events "
     "open_file_cache_min_uses open_file_cache_valid port_in_redirect post_action "
     "postpone_output read_ahead recursive_error_pages request_pool_size "
     "reset_timedout_connection resolver resolver_timeout root satisfy send_lowat "
     "send_timeout sendfile sendfile_max_chunk server server_name server_name_in_redirect "
     "server_names_hash_bucket_size server_names_hash_max_size server_tokens "
     "subrequest_output_buffer_size tcp_nodelay tcp_nopush types types_hash_bucket_size "
     "types_hash_max_size underscores_in_headers variables_hash_bucket_size "
     "variables_hash_max_size"},
    {"http_upstream", false,
     "resolver resolver_timeout server upstream"},
    {"http_access", false,
     "allow deny"},
    {"http_addition_filter", false,
     "add_after_body add_before_body addition_types"},
    {"http_auth_basic", false,
     "auth_basic auth_basic_user_file"},
    {"http_auth_request", false,
     "auth_request auth_request_set"},
    {"http_autoindex", false,
     "autoindex autoindex_exact_size autoindex_format autoindex_localtime"},
    {"http_browser", false,
     "ancient_browser ancient_browser_value modern_browser modern_browser_value"},
    {"http_charset_filter", false,
     "charset charset_map charset_types override_charset source_charset"},
    {"http_dav", false,
     "create_full_put_path dav_access dav_methods min_delete_depth"},
    {"http_degradation", false,
     "degradation degrade"},
    {"http_empty_gif", false,
     "empty_gif"},
    {"http_fastcgi", false,
     "fastcgi_bind fastcgi_buffer_size fastcgi_buffering fastcgi_buffers "
     "fastcgi_busy_buffers_size fastcgi_cache fastcgi_cache_background_update "
     "fastcgi_cache_bypass fastcgi_cache_key fastcgi_cache_lock fastcgi_cache_lock_age "
     "fastcgi_cache_lock_timeout fastcgi_cache_max_range_offset fastcgi_cache_methods "
     "fastcgi_cache_min_uses fastcgi_cache_path fastcgi_cache_revalidate "
     "fastcgi_cache_use_stale fastcgi_cache_valid fastcgi_catch_stderr "
     "fastcgi_connect_timeout fastcgi_force_ranges fastcgi_hide_header "
     "fastcgi_ignore_client_abort fastcgi_ignore_headers fastcgi_index "
     "fastcgi_intercept_errors fastcgi_keep_conn fastcgi_limit_rate "
     "fastcgi_max_temp_file_size fastcgi_next_upstream fastcgi_next_upstream_timeout "
     "fastcgi_next_upstream_tries fastcgi_no_cache fastcgi_param fastcgi_pass "
     "fastcgi_pass_header fastcgi_pass_request_body fastcgi_pass_request_headers "
     "fastcgi_read_timeout fastcgi_request_buffering fastcgi_send_lowat "
     "fastcgi_send_timeout fastcgi_socket_keepalive fastcgi_socket_rcvbuf "
     "fastcgi_socket_sndbuf fastcgi_split_path_info fastcgi_store fastcgi_store_access "
     "fastcgi_temp_file_write_size fastcgi_temp_path"},
    {"http_flv", false,
     "flv"},
    {"http_geo", false,
     "geo"},
    {"http_geoip", false,
     "geoip_city geoip_country geoip_org geoip_proxy geoip_proxy_recursive"},
    {"http_grpc", false,
     "grpc_bind grpc_buffer_size grpc_connect_timeout grpc_hide_header "
     "grpc_ignore_headers grpc_intercept_errors grpc_next_upstream "
     "grpc_next_upstream_timeout grpc_next_upstream_tries grpc_pass grpc_pass_header "
     "grpc_read_timeout grpc_send_timeout grpc_set_header grpc_socket_keepalive "
     "grpc_socket_rcvbuf grpc_socket_sndbuf grpc_ssl_certificate "
     "grpc_ssl_certificate_cache grpc_ssl_certificate_key grpc_ssl_ciphers "
     "grpc_ssl_conf_command grpc_ssl_crl grpc_ssl_name grpc_ssl_password_file "
     "grpc_ssl_protocols grpc_ssl_server_name grpc_ssl_session_reuse "
     "grpc_ssl_trusted_certificate grpc_ssl_verify grpc_ssl_verify_depth"},
    {"http_gunzip_filter", false,
     "gunzip gunzip_buffers"},
    {"http_gzip_filter", false,
     "gzip gzip_buffers gzip_comp_level gzip_hash gzip_min_length gzip_no_buffer "
     "gzip_types gzip_window postpone_gzipping"},
    {"http_gzip_static", false,
     "gzip_static"},
    {"http_headers_filter", false,
     "add_header add_header_inherit add_trailer add_trailer_inherit expires"},
    {"http_image_filter", false,
     "image_filter image_filter_buffer image_filter_interlace image_filter_jpeg_quality "
     "image_filter_sharpen image_filter_transparency image_filter_webp_quality"},
    {"http_index", false,
     "index"},
    {"http_limit_conn", false,
     "limit_conn limit_conn_dry_run limit_conn_log_level limit_conn_status "
     "limit_conn_zone"},
    {"http_limit_req", false,
     "limit_req limit_req_dry_run limit_req_log_level limit_req_status limit_req_zone"},
    {"http_log", false,
     "access_log log_format open_log_file_cache"},
    {"http_map", false,
     "map map_hash_bucket_size map_hash_max_size"},
    {"http_memcached", false,
     "memcached_bind memcached_buffer_size memcached_connect_timeout memcached_gzip_flag "
     "memcached_next_upstream memcached_next_upstream_timeout "
     "memcached_next_upstream_tries memcached_pass memcached_read_timeout "
     "memcached_send_timeout memcached_socket_keepalive"},
    {"http_mirror", false,
     "mirror mirror_request_body"},
    {"http_mp4", false,
     "mp4 mp4_buffer_size mp4_max_buffer_size mp4_start_key_frame"},
    {"http_proxy", false,
     "proxy_bind proxy_buffer_size proxy_buffering proxy_buffers proxy_busy_buffers_size "
     "proxy_cache proxy_cache_background_update proxy_cache_bypass "
     "proxy_cache_convert_head proxy_cache_key proxy_cache_lock proxy_cache_lock_age "
     "proxy_cache_lock_timeout proxy_cache_max_range_offset proxy_cache_methods "
     "proxy_cache_min_uses proxy_cache_path proxy_cache_revalidate proxy_cache_use_stale "
     "proxy_cache_valid proxy_connect_timeout proxy_cookie_domain proxy_cookie_flags "
     "proxy_cookie_path proxy_force_ranges proxy_headers_hash_bucket_size "
     "proxy_headers_hash_max_size proxy_hide_header proxy_http_version "
     "proxy_ignore_client_abort proxy_ignore_headers proxy_intercept_errors "
     "proxy_limit_rate proxy_max_temp_file_size proxy_method proxy_next_upstream "
     "proxy_next_upstream_timeout proxy_next_upstream_tries proxy_no_cache proxy_pass "
     "proxy_pass_header proxy_pass_request_body proxy_pass_request_headers "
     "proxy_pass_trailers proxy_read_timeout proxy_redirect proxy_request_buffering "
     "proxy_send_lowat proxy_send_timeout proxy_set_body proxy_set_header "
     "proxy_socket_keepalive proxy_socket_rcvbuf proxy_socket_sndbuf "
     "proxy_ssl_certificate proxy_ssl_certificate_cache proxy_ssl_certificate_key "
     "proxy_ssl_ciphers proxy_ssl_conf_command proxy_ssl_crl proxy_ssl_name "
     "proxy_ssl_password_file proxy_ssl_protocols proxy_ssl_server_name "
     "proxy_ssl_session_reuse proxy_ssl_trusted_certificate proxy_ssl_verify "
     "proxy_ssl_verify_depth proxy_store proxy_store_access proxy_temp_file_write_size "
     "proxy_temp_path"},
    {"http_random_index", false,
     "random_index"},
    {"http_realip", false,
     "real_ip_header real_ip_recursive set_real_ip_from"},
    {"http_referer", false,
     "referer_hash_bucket_size referer_hash_max_size valid_referers"},
    {"http_rewrite", false,
     "break if return rewrite rewrite_log set uninitialized_variable_warn"},
    {"http_scgi", false,
     "scgi_bind scgi_buffer_size scgi_buffering scgi_buffers scgi_busy_buffers_size "
     "scgi_cache scgi_cache_background_update scgi_cache_bypass scgi_cache_key "
     "scgi_cache_lock scgi_cache_lock_age scgi_cache_lock_timeout "
     "scgi_cache_max_range_offset scgi_cache_methods scgi_cache_min_uses scgi_cache_path "
     "scgi_cache_revalidate scgi_cache_use_stale scgi_cache_valid scgi_connect_timeout "
     "scgi_force_ranges scgi_hide_header scgi_ignore_client_abort scgi_ignore_headers "
     "scgi_intercept_errors scgi_limit_rate scgi_max_temp_file_size scgi_next_upstream "
     "scgi_next_upstream_timeout scgi_next_upstream_tries scgi_no_cache scgi_param "
     "scgi_pass scgi_pass_header scgi_pass_request_body scgi_pass_request_headers "
     "scgi_read_timeout scgi_request_buffering scgi_send_timeout scgi_socket_keepalive "
     "scgi_socket_rcvbuf scgi_socket_sndbuf scgi_store scgi_store_access "
     "scgi_temp_file_write_size scgi_temp_path"},
    {"http_secure_link", false,
     "secure_link secure_link_md5 secure_link_secret"},
    {"http_slice_filter", false,
     "slice"},
    {"http_split_clients", false,
     "split_clients"},
    {"http_ssi_filter", false,
     "ssi ssi_ignore_recycled_buffers ssi_last_modified ssi_min_file_chunk "
     "ssi_silent_errors ssi_types ssi_value_length"},
    {"http_ssl", false,
     "ssl_buffer_size ssl_certificate ssl_certificate_cache ssl_certificate_compression "
     "ssl_certificate_key ssl_ciphers ssl_client_certificate ssl_conf_command ssl_crl "
     "ssl_dhparam ssl_early_data ssl_ecdh_curve ssl_ech_file ssl_ocsp ssl_ocsp_cache "
     "ssl_ocsp_responder ssl_password_file ssl_prefer_server_ciphers ssl_protocols "
     "ssl_reject_handshake ssl_session_cache ssl_session_ticket_key ssl_session_tickets "
     "ssl_session_timeout ssl_stapling ssl_stapling_file ssl_stapling_responder "
     "ssl_stapling_verify ssl_trusted_certificate ssl_verify_client ssl_verify_depth"},
    {"http_stub_status", false,
     "stub_status"},
    {"http_sub_filter", false,
     "sub_filter sub_filter_last_modified sub_filter_once sub_filter_types"},
    {"http_try_files", false,
     "try_files"},
    {"http_tunnel", false,
     "tunnel_bind tunnel_buffer_size tunnel_connect_timeout tunnel_next_upstream "
     "tunnel_next_upstream_timeout tunnel_next_upstream_tries tunnel_pass "
     "tunnel_read_timeout tunnel_send_lowat tunnel_send_timeout tunnel_socket_keepalive "
     "tunnel_socket_rcvbuf tunnel_socket_sndbuf"},
    {"http_upstream_hash", false,
     "hash"},
    {"http_upstream_ip_hash", false,
     "ip_hash"},
    {"http_upstream_keepalive", false,
     "keepalive keepalive_requests keepalive_time keepalive_timeout"},
    {"http_upstream_least_conn", false,
     "least_conn"},
    {"http_upstream_least_time", false,
     "least_time"},
    {"http_upstream_random", false,
     "random"},
    {"http_upstream_sticky", false,
     "sticky"},
    {"http_upstream_zone", false,
     "zone"},
    {"http_userid_filter", false,
     "userid userid_domain userid_expires userid_flags userid_mark userid_name userid_p3p "
     "userid_path userid_service"},
    {"http_uwsgi", false,
     "uwsgi_bind uwsgi_buffer_size uwsgi_buffering uwsgi_buffers uwsgi_busy_buffers_size "
     "uwsgi_cache uwsgi_cache_background_update uwsgi_cache_bypass uwsgi_cache_key "
     "uwsgi_cache_lock uwsgi_cache_lock_age uwsgi_cache_lock_timeout "
     "uwsgi_cache_max_range_offset uwsgi_cache_methods uwsgi_cache_min_uses "
     "uwsgi_cache_path uwsgi_cache_revalidate uwsgi_cache_use_stale uwsgi_cache_valid "
     "uwsgi_connect_timeout uwsgi_force_ranges uwsgi_hide_header "
     "uwsgi_ignore_client_abort uwsgi_ignore_headers uwsgi_intercept_errors "
     "uwsgi_limit_rate uwsgi_max_temp_file_size uwsgi_modifier1 uwsgi_modifier2 "
     "uwsgi_next_upstream uwsgi_next_upstream_timeout uwsgi_next_upstream_tries "
     "uwsgi_no_cache uwsgi_param uwsgi_pass uwsgi_pass_header uwsgi_pass_request_body "
     "uwsgi_pass_request_headers uwsgi_read_timeout uwsgi_request_buffering "
     "uwsgi_send_timeout uwsgi_socket_keepalive uwsgi_socket_rcvbuf uwsgi_socket_sndbuf "
     "uwsgi_ssl_certificate uwsgi_ssl_certificate_cache uwsgi_ssl_certificate_key "
     "uwsgi_ssl_ciphers uwsgi_ssl_conf_command uwsgi_ssl_crl uwsgi_ssl_name "
     "uwsgi_ssl_password_file uwsgi_ssl_protocols uwsgi_ssl_server_name "
     "uwsgi_ssl_session_reuse uwsgi_ssl_trusted_certificate uwsgi_ssl_verify "
     "uwsgi_ssl_verify_depth uwsgi_store uwsgi_store_access uwsgi_string "
     "uwsgi_temp_file_write_size uwsgi_temp_path"},
    {"http_xslt_filter", false,
     "xml_entities xml_external_entities xslt_last_modified xslt_param xslt_string_param "
     "xslt_stylesheet xslt_types"},
    {"http_perl", false,
     "perl perl_modules perl_require perl_set"},
    {"http_v2", false,
     "http2 http2_body_preread_size http2_chunk_size http2_idle_timeout "
     "http2_max_concurrent_pushes http2_max_concurrent_streams http2_max_field_size "
     "http2_max_header_size http2_max_requests http2_pool_size http2_push "
     "http2_push_preload http2_recv_buffer_size http2_recv_timeout "
     "http2_streams_index_size"},
    {"http_v3", false,
     "http3 http3_hq http3_max_concurrent_streams http3_stream_buffer_size "
     "quic_active_connection_id_limit quic_gso quic_host_key quic_retry"},
    {"mail", false,
     "mail"},
    {"mail_auth_http", false,
     "auth_http auth_http_header auth_http_pass_client_cert auth_http_timeout"},
    {"mail_core", false,
     "error_log listen max_errors protocol resolver resolver_timeout server server_name "
     "timeout"},
    {"mail_imap", false,
     "imap_auth imap_capabilities imap_client_buffer"},
    {"mail_pop3", false,
     "pop3_auth pop3_capabilities"},
    {"mail_proxy", false,
     "proxy proxy_buffer proxy_pass_error_message proxy_protocol proxy_smtp_auth "
     "proxy_timeout xclient"},
    {"mail_realip", false,
     "set_real_ip_from"},
    {"mail_smtp", false,
     "smtp_auth smtp_capabilities smtp_client_buffer smtp_greeting_delay"},
    {"mail_ssl", false,
     "ssl_certificate ssl_certificate_compression ssl_certificate_key ssl_ciphers "
     "ssl_client_certificate ssl_conf_command ssl_crl ssl_dhparam ssl_ecdh_curve "
     "ssl_password_file ssl_prefer_server_ciphers ssl_protocols ssl_session_cache "
     "ssl_session_ticket_key ssl_session_tickets ssl_session_timeout "
     "ssl_trusted_certificate ssl_verify_client ssl_verify_depth starttls"},
    {"google_perftools", false,
     "google_perftools_profiles"},
    {"stream", false,
     "stream"},
    {"stream_access", false,
     "allow deny"},
    {"stream_core", false,
     "error_log listen preread_buffer_size preread_timeout proxy_protocol_timeout "
     "resolver resolver_timeout server server_name server_names_hash_bucket_size "
     "server_names_hash_max_size tcp_nodelay variables_hash_bucket_size "
     "variables_hash_max_size"},
    {"stream_geo", false,
     "geo"},
    {"stream_geoip", false,
     "geoip_city geoip_country geoip_org"},
    {"stream_limit_conn", false,
     "limit_conn limit_conn_dry_run limit_conn_log_level limit_conn_zone"},
    {"stream_log", false,
     "access_log log_format open_log_file_cache"},
    {"stream_map", false,
     "map map_hash_bucket_size map_hash_max_size"},
    {"stream_pass", false,
     "pass"},
    {"stream_proxy", false,
     "proxy_bind proxy_buffer_size proxy_connect_timeout proxy_download_rate "
     "proxy_downstream_buffer proxy_half_close proxy_next_upstream "
     "proxy_next_upstream_timeout proxy_next_upstream_tries proxy_pass proxy_protocol "
     "proxy_requests proxy_responses proxy_socket_keepalive proxy_socket_rcvbuf "
     "proxy_socket_sndbuf proxy_ssl proxy_ssl_alpn proxy_ssl_certificate "
     "proxy_ssl_certificate_cache proxy_ssl_certificate_key proxy_ssl_ciphers "
     "proxy_ssl_conf_command proxy_ssl_crl proxy_ssl_name proxy_ssl_password_file "
     "proxy_ssl_protocols proxy_ssl_server_name proxy_ssl_session_reuse "
     "proxy_ssl_trusted_certificate proxy_ssl_verify proxy_ssl_verify_depth proxy_timeout "
     "proxy_upload_rate proxy_upstream_buffer"},
    {"stream_realip", false,
     "set_real_ip_from"},
    {"stream_return", false,
     "return"},
    {"stream_set", false,
     "set"},
    {"stream_split_clients", false,
     "split_clients"},
    {"stream_ssl", false,
     "ssl_alpn ssl_certificate ssl_certificate_cache ssl_certificate_compression "
     "ssl_certificate_key ssl_ciphers ssl_client_certificate ssl_conf_command ssl_crl "
     "ssl_dhparam ssl_ecdh_curve ssl_ech_file ssl_handshake_timeout ssl_ocsp "
     "ssl_ocsp_cache ssl_ocsp_responder ssl_password_file ssl_prefer_server_ciphers "
     "ssl_protocols ssl_reject_handshake ssl_session_cache ssl_session_ticket_key "
     "ssl_session_tickets ssl_session_timeout ssl_stapling ssl_stapling_file "
     "ssl_stapling_responder ssl_stapling_verify ssl_trusted_certificate "
     "ssl_verify_client ssl_verify_depth"},
    {"stream_ssl_preread", false,
     "ssl_preread"},
    {"stream_upstream", false,
     "resolver resolver_timeout server upstream"},
    {"stream_upstream_hash", false,
     "hash"},
    {"stream_upstream_least_conn", false,
     "least_conn"},
    {"stream_upstream_least_time", false,
     "least_time"},
    {"stream_upstream_random", false,
     "random"},
    {"stream_upstream_zone", false,
     "zone"},
    {"http_acme", false,
     "accept_terms_of_service account_key acme_certificate acme_issuer acme_shared_zone "
     "challenge common_name_in_csr contact external_account_key preferred_chain profile "
     "ssl_trusted_certificate ssl_verify state_path uri"},
    {"http_api", true,
     "api status_zone"},
    {"http_auth_jwt", true,
     "auth_jwt auth_jwt_claim_set auth_jwt_header_set auth_jwt_key_cache "
     "auth_jwt_key_file auth_jwt_key_request auth_jwt_leeway auth_jwt_require "
     "auth_jwt_type"},
    {"http_auth_require", true,
     "auth_require"},
    {"http_f4f", true,
     "f4f f4f_buffer_size"},
    {"http_fastcgi", true,
     "fastcgi_allow_upstream fastcgi_bind_dynamic fastcgi_cache_purge "
     "fastcgi_request_dynamic"},
    {"http_grpc", true,
     "grpc_allow_upstream grpc_bind_dynamic grpc_request_dynamic grpc_ssl_key_log"},
    {"http_hls", true,
     "hls hls_buffers hls_forward_args hls_fragment hls_mp4_buffer_size "
     "hls_mp4_max_buffer_size"},
    {"http_internal_redirect", true,
     "internal_redirect"},
    {"http_keyval", true,
     "keyval keyval_zone"},
    {"http_memcached", true,
     "memcached_allow_upstream memcached_bind_dynamic"},
    {"http_mp4", true,
     "mp4_limit_rate mp4_limit_rate_after"},
    {"http_num_map", true,
     "num_map"},
    {"http_oidc", true,
     "auth_oidc client_id client_secret config_url cookie_name extra_auth_args "
     "frontchannel_logout_uri issuer logout_token_hint logout_uri oidc_provider pkce "
     "post_logout_uri redirect_uri scope session_store session_timeout ssl_crl "
     "ssl_trusted_certificate userinfo"},
    {"http_proxy", true,
     "proxy_allow_upstream proxy_bind_dynamic proxy_cache_purge proxy_request_dynamic "
     "proxy_ssl_key_log"},
    {"http_scgi", true,
     "scgi_allow_upstream scgi_bind_dynamic scgi_cache_purge scgi_request_dynamic"},
    {"http_session_log", true,
     "session_log session_log_format session_log_zone"},
    {"http_ssl", true,
     "ssl_key_log"},
    {"http_tunnel", true,
     "tunnel_allow_upstream tunnel_bind_dynamic"},
    {"http_upstream_hc", true,
     "health_check match"},
    {"http_upstream", true,
     "ntlm queue state"},
    {"http_uwsgi", true,
     "uwsgi_allow_upstream uwsgi_bind_dynamic uwsgi_cache_purge uwsgi_request_dynamic "
     "uwsgi_ssl_key_log"},
    {"core", true,
     "stall_threshold"},
    {"otel", false,
     "otel_exporter otel_resource_attr otel_service_name otel_span_attr otel_span_name "
     "otel_trace otel_trace_context"},
    {"stream_keyval", true,
     "keyval keyval_zone"},
    {"stream_mqtt_filter", true,
     "mqtt mqtt_buffers mqtt_rewrite_buffer_size mqtt_set_connect"},
    {"stream_mqtt_preread", true,
     "mqtt_preread"},
    {"stream_num_map", true,
     "num_map"},
    {"stream_proxy", true,
     "proxy_bind_dynamic proxy_session_drop proxy_ssl_key_log"},
    {"stream_ssl", true,
     "ssl_key_log"},
    {"stream_upstream_hc", true,
     "health_check health_check_timeout match"},
    {"stream_upstream", true,
     "state"},
    {"stream_zone_sync", true,
     "zone_sync zone_sync_buffers zone_sync_connect_retry_interval "
     "zone_sync_connect_timeout zone_sync_interval zone_sync_recv_buffer_size "
     "zone_sync_server zone_sync_ssl zone_sync_ssl_certificate "
     "zone_sync_ssl_certificate_key zone_sync_ssl_ciphers zone_sync_ssl_conf_command "
     "zone_sync_ssl_crl zone_sync_ssl_name zone_sync_ssl_password_file "
     "zone_sync_ssl_protocols zone_sync_ssl_server_name zone_sync_ssl_trusted_certificate "
     "zone_sync_ssl_verify zone_sync_ssl_verify_depth zone_sync_timeout"},
};

static bool has_word(const char *names, struct str name)
{
    struct str rest = str_of(names);

    while (rest.data != NULL)
        if (str_eq(str_cut(&rest, ' '), name))
            return true;
    return false;
}

const char *conf_known_removed(struct str name)
{
    static const struct {
        const char *name, *instead;
    } removed[] = {
        {"ssl", "gone from nginx 1.25.1: use the \"ssl\" parameter of \"listen\""},
        {"limit_zone", "gone from nginx 1.7.6: use \"limit_conn_zone\""},
        {"spdy_chunk_size", "SPDY is no more: use \"http2\""},
        {"spdy_headers_comp", "SPDY is no more: use \"http2\""},
        {"upstream_conf", "gone from nginx 1.13.3: use \"api\""},
        {"more_set_headers", "of a third-party module: see \"add_header\""},
        {"more_clear_headers", "of a third-party module: see \"proxy_hide_header\""},
    };

    for (size_t i = 0; i < COUNT(removed); i++)
        if (str_eq(name, str_of(removed[i].name)))
            return removed[i].instead;
    return NULL;
}

const char *conf_known_module(struct str name, bool *commercial)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (has_word(known[i].names, name)) {
            *commercial = known[i].commercial;
            return known[i].module;
        }
    return NULL;
}
