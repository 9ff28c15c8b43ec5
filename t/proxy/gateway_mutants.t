# t/proxy/gateway_mutants.t - answers of applications and origins with bytes changed, lost and repeated: none harms
# the worker, and a client always gets an answer that is whole or seen to be cut
use Site;

use constant EACH => 300;

my %valid = (
    fastcgi => Origin::Gateway::records(7, "a complaint\n", 5, padding => 3)
        . Origin::Gateway::records(6, "Status: 200 OK\r\nContent-Type: a/b\r\nContent-Length: 30\r\n\r\n" . 'abc' x 10, 17, padding => 5)
        . Origin::Gateway::record(6, '') . Origin::Gateway::end_record(),
    scgi  => "Status: 201 Made\r\nLocation: /x\r\nX-Accel-Limit-Rate: 99999\r\n\r\n" . 'abc' x 10,
    uwsgi => "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 30\r\nSet-Cookie: a=b\r\n\r\n" . 'abc' x 10,
    http => "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\nSet-Cookie: a=b; Path=/; Domain=a.b\r\n"
        . "Refresh: 5; url=http://one/x\r\nX-Accel-Limit-Rate: 99999\r\n\r\n" . join('', map { "3;x=y\r\nabc\r\n" } 1 .. 10) . "0\r\nX-T: v\r\n\r\n",
    memcached => "VALUE / 0 30\r\n" . 'abc' x 10 . "\r\nEND\r\n",
);

sub mutant ($bytes) {
    for (0 .. int rand 3) {
        my $at   = int rand length($bytes) + 1;
        my $kind = int rand 6;
        if    ($kind == 0) { substr($bytes, $at, 1) = chr int rand 256 }
        elsif ($kind == 1) { substr($bytes, $at, 1 + int rand 8) = '' }
        elsif ($kind == 2) { substr($bytes, $at, 0) = join '', map { chr int rand 256 } 0 .. int rand 8 }
        elsif ($kind == 3) { substr($bytes, $at, 0) = substr $bytes, int rand length $bytes, 1 + int rand 40 }
        elsif ($kind == 4) { $bytes = substr $bytes, 0, $at }
        else               { substr($bytes, $at, 0) = ("\0", "\r", "\n", ' ', ':', "\xff", '-', '9' x 20)[rand 8] }
        last unless length $bytes;
    }
    return $bytes;
}

srand 20;
my $site = Site->start(<<'CONF', log_level => 'crit');
    fastcgi_param REQUEST_METHOD $request_method;
    scgi_param REQUEST_METHOD $request_method;
    uwsgi_param REQUEST_METHOD $request_method;
    server {
        listen %PORT%;
        access_log off;
        location /fastcgi { fastcgi_keep_conn on; fastcgi_catch_stderr dangerous; fastcgi_read_timeout 30s; fastcgi_pass %FASTCGI%; }
        location /scgi { scgi_buffering off; scgi_read_timeout 30s; scgi_pass %SCGI%; }
        location /uwsgi { uwsgi_read_timeout 30s; uwsgi_pass %UWSGI%; }
        location /memcached { set $memcached_key /; memcached_read_timeout 30s; memcached_pass %MEMCACHED%; }
        location /http {
            proxy_read_timeout 30s; proxy_pass_trailers on; proxy_cookie_path / /x; proxy_cookie_domain a.b b.c; proxy_cookie_flags ~ secure;
            proxy_redirect http://one/ /; early_hints $is_args$args$scheme; proxy_pass http://%ORIGIN%;
        }
        location /ok { return 200 fine; }
    }
CONF
for my $protocol (sort keys %valid) {
    my $app = $site->origin($protocol eq 'http' ? 1 : $protocol);
    my @mutants = ($valid{$protocol}, map { mutant($valid{$protocol}) } 2 .. EACH);
    my (%seen, @wrong);
    $app->scripts('*', map { my $bytes = $_; [($protocol eq 'memcached' ? () : 'body'), [write => $bytes], 'close'] } @mutants);
    for my $n (1 .. EACH) {
        my $reply = eval { $site->request("POST /$protocol" =~ s/POST(?= \/mem)/GET/r) };
        push(@wrong, "$n: $@"), next unless $reply;
        my $got = $reply->status . ($reply->complete ? '' : ' cut');
        $seen{$got}++;
        push @wrong, "$n: $got" if $n == 1 && $got !~ /\A20[01]\z/;
    }
    is "@wrong", '', "$protocol: an answer to each";
    note join ', ', map { "$_: $seen{$_}" } sort keys %seen;
    ok $seen{502} && $seen{502} > EACH / 20, 'many are refused';
}
is $site->get('/ok')->body, 'fine', 'the worker lives';
is $site->error_log =~ /exited/ ? 'it died' : '', '', 'all the time';
$site->stop;
done_testing;
