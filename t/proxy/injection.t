# t/proxy/injection.t - line ends that a client sends in percent codes end no line of a head that
# variables have put them into, towards the origin or the client
use Site;

needs_weir 'nginx passes them on';
my $site = Site->start(<<'CONF');
    server {
        listen %PORT%;
        location ~ ^/target/(.*) { proxy_pass http://%ORIGIN%/at/$1; }
        location ~ ^/args/(.*) { set $args $1; proxy_pass http://%ORIGIN%; }
        location /field/ { proxy_set_header X-U $uri; proxy_pass http://%ORIGIN%; }
        location /moved/ {
            proxy_redirect ~ http://h$uri;
            proxy_pass http://%ORIGIN%;
        }
        location /added/ { add_header X-U $uri; add_trailer X-T $uri; return 200 "x"; }
        location /return/ { return 302 http://h$uri; }
        location ~ ^/rewrite/ { rewrite ^/rewrite/(.*) http://h/$1 redirect; }
        location ~ ^/var/(.*) { set $to $1; rewrite ^ http://h/$to redirect; }
        location /realm/ { auth_basic $uri; auth_basic_user_file %DIR%/users; }
    }
CONF
$site->file('users', "a:{PLAIN}b\n");
my $origin = $site->origin;
my $bad = '%0d%0aX-Bad:%20y%00';

sub head_of ($uri) {
    my $client = $site->connect;
    $client->write("GET $uri HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    my $all = $client->read_all;
    return $all;
}

for my $uri ("/target/a%0d%0aX-Bad:%20y", "/args/a%0d%0aX-Bad:%20y", "/field/%0d%0aX-Bad:%20y") {
    my $reply = $site->get($uri);
    is $reply->status, 200, "$uri is proxied";
    my $seen = $origin->request;
    is $seen->header('X-Bad'), undef, 'and brings no field of its own';
    unlike $seen->uri // '', qr/[\x00-\x1f\x7f]/, 'its target is one';
}
for my $uri ("/added/$bad", "/return/$bad", "/rewrite/$bad", "/var/$bad", "/realm/$bad") {
    (my $ok = $uri) =~ s/%00//;
    my $text = head_of($ok);
    like $text, qr{\AHTTP/1\.1 (?:200|302|401)}, "$ok is answered";
    unlike $text, qr{^X-Bad:}m, 'with no field of its own';
}
$origin->script('/moved/%0d%0aX-Bad:%20y', 'body', [write => "HTTP/1.1 302 F\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"]);
my $text = head_of('/moved/%0d%0aX-Bad:%20y');
like $text, qr{\AHTTP/1\.1 302}, 'a Location that is rewritten';
unlike $text, qr{^X-Bad:}m, 'has no field behind it';

done_testing;
