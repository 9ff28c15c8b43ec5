# t/proxy/config.t - what a configuration of upstreams and proxies may say, and what is said of its faults
use Site;

my %fault = (
    'upstream u { }'                                       => 'no servers are inside upstream',
    'upstream u { server 127.0.0.1; } upstream u { server 127.0.0.1; }' => 'duplicate upstream "u"',
    'upstream u { server 127.0.0.1 weight=0; }'            => 'invalid parameter "weight=0"',
    'upstream u { server 127.0.0.1 wait=1; }'              => 'invalid parameter "wait=1"',
    'upstream u { server 127.0.0.1:99999; }'               => 'invalid port in upstream "127.0.0.1:99999"',
    'upstream u { server nosuch.invalid; }'                => 'host not found in upstream "nosuch.invalid"',
    'server { location / { proxy_pass nothing; } }'        => 'invalid URL prefix',
    'server { location / { proxy_pass http://nosuch.invalid; } }' => 'host not found in upstream "nosuch.invalid"',
    'server { location ~ x { proxy_pass http://127.0.0.1/x; } }'
        => '"proxy_pass" cannot have URI part in location given by regular expression',
    'server { location @x { proxy_pass http://127.0.0.1/x; } }'
        => '"proxy_pass" cannot have URI part in location given by regular expression',
    'server { location / { if ($args) { proxy_pass http://127.0.0.1/x; } } }'
        => '"proxy_pass" cannot have URI part in location given by regular expression',
    'server { location / { proxy_pass http://127.0.0.1; proxy_pass http://127.0.0.2; } }'
        => '"proxy_pass" directive is duplicate',
    'proxy_next_upstream http_999;'                        => 'invalid value "http_999"',
    'proxy_buffers 1 4k;'                                  => 'there must be at least 2 "proxy_buffers"',
    'proxy_buffer_size 64k; proxy_buffers 4 64k; proxy_max_temp_file_size 1k;' => '"proxy_max_temp_file_size" must be equal to zero',
    'proxy_redirect x;'                                    => 'invalid parameter "x"',
    'proxy_set_header X $nosuch;'                          => 'unknown "nosuch" variable',
);

for my $conf (sort keys %fault) {
    my $result = Site->test_config($conf);
    is $result->{exit}, 1, "refused: $conf";
    like $result->{stderr}, qr/\[emerg\] .*\Q$fault{$conf}\E/, 'and why';
}

my $good = Site->test_config(<<'CONF');
    upstream a { server 127.0.0.1:1 weight=3 max_fails=2 fail_timeout=1m max_conns=5; server 127.0.0.1:2 backup;
                 server unix:/tmp/x down; keepalive 8; keepalive_timeout 30s; keepalive_requests 10; zone z 64k; }
    upstream b { zone z; server localhost; }
    proxy_redirect default;
    proxy_cookie_domain off;
    server {
        listen %PORT%;
        location / { proxy_pass http://a; limit_except GET { proxy_pass http://b; } }
        location /x/ { proxy_pass http://b/y/; proxy_redirect off; proxy_cookie_path ~^/(.*) /$1; }
        location ~ ^/z { proxy_pass http://unix:/tmp/x:$uri; proxy_bind off; }
        location ~ ^/v { proxy_pass http://unix:/tmp/x; proxy_next_upstream off; }
    }
CONF
is $good->{exit}, 0, 'accepted' or diag $good->{stderr};

done_testing;
