# t/grpc/differential.t - what origins and clients see of grpc_pass, beside nginx
use Site;
use Differential;
use H2;
use H2Origin;

my $nginx = nginx_binary();
if (!defined $nginx) {
    Test::More::plan(skip_all => 'nginx is not installed');
}
my $is_weir = 0;

sub conf ($origin, $other, $unix) {
    my $on = $is_weir ? 'http2 on; listen %PORT%;' : 'listen %PORT% http2;';
    return <<"CONF";
    underscores_in_headers on;
    upstream one { server ${\$origin->address}; }
    upstream two { server ${\$origin->address} max_fails=0; server ${\$other->address} backup; }
    server {
        $on
        location / { grpc_pass grpc://one; }
        location /unix { grpc_pass grpc://${\$unix->address}; }
        location /direct/ { grpc_pass ${\$origin->address}; }
        location /var/ { set \$x one; grpc_pass grpc://\$x; }
        location /set { grpc_set_header X-A "\$arg_a"; grpc_set_header X-B \$uri; grpc_set_header TE ""; grpc_set_header User-Agent ""; grpc_pass one; }
        location /host { grpc_set_header Host h.example; grpc_pass one; }
        location /hide { grpc_hide_header X-Secret; grpc_pass_header Server; grpc_pass_header Date; grpc_pass one; }
        location /accel { grpc_pass one; }
        location /ignore { grpc_ignore_headers X-Accel-Redirect X-Accel-Charset; grpc_pass one; }
        location /behind { internal; return 200 "behind \$uri"; }
        location /rewrite { rewrite ^/rewrite(.*) "/new path\$1?b=1" break; grpc_pass one; }
        location /intercept { grpc_intercept_errors on; error_page 404 500 503 = /mapped; grpc_pass one; }
        location /error { error_page 502 504 = /mapped; grpc_pass one; }
        location /silent { grpc_read_timeout 500ms; error_page 502 504 = /mapped; grpc_pass one; }
        location = /mapped { internal; default_type application/grpc; add_header grpc-status 14; add_header grpc-message "unavailable"; return 204; }
        location /next { grpc_next_upstream error timeout invalid_header http_503 http_404; grpc_pass two; }
        location /nonidem { grpc_next_upstream error http_503 non_idempotent; grpc_pass two; }
        location /off { grpc_next_upstream off; grpc_pass two; }
        location /small { grpc_buffer_size 1k; grpc_pass one; }
        location /limited { limit_except POST { deny all; } grpc_pass one; }
    }
CONF
}

# What an origin may do with a request: ($conn, $request, $body).
my $ok = sub ($c, $r, $) { $c->grpc($r->{stream}, ['answer'], 0, 'x-a' => 'b') };
sub answers (%fields) { return sub ($c, $r, $) { $c->answer($r->{stream}, 'text', %fields) } }
sub resets ($code) { return sub ($c, $r, $) { $c->rst($r->{stream}, $code) } }
sub trailers_only (@fields) { return sub ($c, $r, $) { $c->trailers($r->{stream}, ':status' => 200, 'content-type' => 'application/grpc', @fields) } }

my @cases = (
    # name, path, what the origin does, options: method, fields, body (undef: none), other (what the other one does)
    ['unary',             '/a.B/C?d=e', $ok],
    ['by address',        '/direct/x', $ok],
    ['by socket',         '/unix', $ok],
    ['by variable',       '/var/x', $ok],
    ['fields',            '/fields', $ok, fields => ['x-up' => 1, 'x_under' => 2, cookie => 'a=1', cookie => 'b=2', 'user-agent' => 'u/1', 'accept-encoding' => 'gzip', 'grpc-timeout' => '10S', 'x-bin' => 'AAA=']],
    ['hop by hop',        '/hop', $ok, fields => [expect => '100-continue', 'proxy-authorization' => 'x', 'x-forwarded-for' => '1.2.3.4']],
    ['te',                '/te', $ok, fields => [te => 'trailers']],
    ['set headers',       '/set?a=1', $ok, fields => ['x-a' => 'client', te => 'trailers', 'user-agent' => 'u']],
    ['quoted path',       '/a%20b/%2e%2e/c%2Fd?x=%20y', $ok],
    ['rewritten',         '/rewrite/z%20y', $ok],
    ['no body',           '/get', $ok, method => 'GET', body => undef],
    ['empty body',        '/post', $ok, body => ''],
    ['large body',        '/post', $ok, body => 'x' x 50_000],
    ['length',            '/length', $ok, fields => ['content-length' => 4], body => 'four'],
    ['put',               '/put', answers('content-length' => 4), method => 'PUT'],
    ['head',              '/head', sub ($c, $r, $) { $c->headers($r->{stream}, [':status' => 200, 'content-length' => 7], END_HEADERS | END_STREAM) }, method => 'HEAD', body => undef, skip => 'nginx makes it 0'],
    ['trailers only',     '/to', trailers_only('grpc-status' => 5, 'grpc-message' => 'not found')],
    ['plain answer',      '/plain', answers('content-type' => 'text/plain', 'content-length' => 4)],
    ['without length',    '/plain', answers('content-type' => 'text/plain')],
    ['no trailers',       '/plain', answers('content-type' => 'application/grpc')],
    ['a 204',             '/204', sub ($c, $r, $) { $c->headers($r->{stream}, [':status' => 204], END_HEADERS | END_STREAM) }],
    ['a 302',             '/302', answers(':status' => 302, location => 'http://elsewhere/', refresh => '5')],
    ['a 404',             '/404', answers(':status' => 404)],
    ['a 418',             '/418', answers(':status' => 418, 'x-y' => 1)],
    ['hidden',            '/hide', answers('x-secret' => 1, 'x-open' => 2, server => 's', date => 'Thu, 01 Jan 1970 00:00:00 GMT')],
    ['server, date',      '/x', answers(server => 's', date => 'Thu, 01 Jan 1970 00:00:00 GMT', 'x-pad' => 1, 'last-modified' => 'Thu, 01 Jan 1970 00:00:00 GMT', etag => '"x"', 'cache-control' => 'no-store')],
    ['set-cookie',        '/x', sub ($c, $r, $) { $c->headers($r->{stream}, [':status' => 200, 'set-cookie' => 'a', 'set-cookie' => 'b', vary => 'x', vary => 'y'], END_HEADERS)->frame(DATA, END_STREAM, $r->{stream}, 'b') }],
    ['accel redirect',    '/accel', answers('x-accel-redirect' => '/behind/it', 'x-other' => 1)],
    ['accel ignored',     '/ignore', answers('x-accel-redirect' => '/behind/it')],
    ['accel others',      '/accel', answers('x-accel-expires' => 5, 'x-accel-buffering' => 'no')],
    ['intercepted 404',   '/intercept', answers(':status' => 404)],
    ['intercepted 500',   '/intercept', answers(':status' => 500)],
    ['not intercepted',   '/error', answers(':status' => 502)],
    ['100 first',         '/x', sub ($c, $r, $) { $c->head($r->{stream}, ':status' => 100); $c->answer($r->{stream}, 'body') }, skip => 'nginx has no such thing'],
    ['reset: no error',   '/error', resets(0)],
    ['reset: internal',   '/error', resets(2)],
    ['reset: cancel',     '/error', resets(8)],
    ['closed',            '/error', sub ($c, $r, $) { $c->shut; $c->{gone} = 1 }],
    ['silent',            '/silent', sub ($c, $r, $) { 1 }],
    ['goaway, answered',  '/error', sub ($c, $r, $) { $c->goaway($r->{stream}); $c->grpc($r->{stream}, ['x']); $c->{gone} = 1 }],
    ['next on 503',       '/next', answers(':status' => 503), method => 'GET', body => undef, other => $ok],
    ['next on reset',     '/next', resets(2), method => 'GET', body => undef, other => $ok],
    ['next on bad head',  '/next', sub ($c, $r, $) { $c->headers($r->{stream}, [':status' => 'abc']) }, method => 'GET', body => undef, other => $ok],
    ['next off',          '/off', answers(':status' => 503), method => 'GET', body => undef],
    ['big head',          '/small', answers(map { ("x-$_" => 'v' x 100) } 1 .. 30)],
    ['limit_except',      '/limited', $ok, method => 'GET', body => undef, alone => 1],
    ['limit_except POST', '/limited', $ok],
    ['many messages',     '/many', sub ($c, $r, $) { $c->grpc($r->{stream}, [map { 'm' x $_ } 1 .. 200]) }],
    ['large answer',      '/large', sub ($c, $r, $) { $c->head($r->{stream}); $c->frame(DATA, 0, $r->{stream}, 'z' x 16000) for 1 .. 4; $c->trailers($r->{stream}, 'grpc-status' => 0) }],
    ['padded',            '/pad', sub ($c, $r, $) { $c->head($r->{stream}); $c->frame(DATA, END_STREAM | PADDED, $r->{stream}, "\3abc\0\0\0") }],
);

sub show (%fields) { return map { "$_: $fields{$_}" } grep { !/^(server|date|etag)$/ || $fields{$_} =~ /^(s|Thu|"x")/ } sort keys %fields }

sub play ($site, $origin, $other, $case) {
    my (undef, $path, $do, %option) = @$case;
    my $h2 = H2->open($site);
    my $body = exists $option{body} ? $option{body} : H2Origin::message('ask');
    my $flags = END_HEADERS | (defined $body ? 0 : END_STREAM);
    my @seen;

    $h2->headers(1, [H2::request(':method' => $option{method} // 'POST', ':path' => $path, fields => $option{fields} // [])], $flags);
    if (defined $body) {
        my @parts = length $body ? unpack('(a16000)*', $body) : ('');
        $h2->frame(DATA, 0, 1, shift @parts) while @parts > 1;
        $h2->frame(DATA, END_STREAM, 1, $parts[0]);
    }
    for my $turn ([$origin, $do], $option{other} ? [$other, $option{other}] : ()) {
        last if $option{alone};
        my ($c, $r) = $turn->[0]->serve;
        my $sent = $r->{ended} ? undef : $c->body($r->{stream});
        my %fields = %{ $r->{fields} };
        $_ = defined $_ ? s/:\d+/:PORT/r : '-' for $fields{':authority'}, $fields{host};
        push @seen, 'origin: ' . join ' | ', show(%fields), 'body ' . length($sent // '');
        $turn->[1]->($c, $r, $sent);
    }
    my $answer = $h2->answer(1);
    for my $head ($h2->heads(grep { $_->{stream} == 1 } @{ $answer->{frames} })) {
        next if ($head->{':status'} // '') eq '100';    # asked for; nginx knows it since 1.25 only
        $head->{'content-length'} = 'N' if $answer->{body} =~ /<html>/;
        push @seen, 'client: ' . join ' | ', show(%$head);
    }
    push @seen, $answer->{body} =~ /<html>/ ? 'a page' : 'body ' . unpack 'H*', length $answer->{body} > 99 ? length $answer->{body} : $answer->{body};
    push @seen, 'reset' if $answer->{reset};
    return join "\n", @seen;
}

sub all ($binary) {
    my ($origin, $other) = (H2Origin->listen, H2Origin->listen);
    my $unix = H2Origin->listen(unix => "/tmp/weir-h2-$$-$is_weir.sock");
    my $site = Site->start(conf($origin, $other, $unix), binary => $binary);
    my %seen = map { $_->[0] => eval { play($site, $_->[1] eq '/unix' ? $unix : $origin, $other, $_) } // "failed: $@" } grep { !exists {@$_[3 .. $#$_]}->{skip} } @cases;
    $site->stop;
    unlink $unix->{unix};
    return \%seen;
}

my $expected = all($nginx);
$is_weir = Site::is_weir();
my $got = all(Site::binary());
for my $name (map { $_->[0] } @cases) {
    is $got->{$name}, $expected->{$name}, $name if defined $expected->{$name};
}
done_testing;
