# t/upstream/last_server.t - $upstream_last_server_name and $upstream_last_addr tell of the current try
use Site;
use Certs;

my $site = Site->prepare(<<'CONF');
    upstream group { server 127.0.0.1:%PORT9% max_fails=0; server localhost:%PORT2% backup; }
    proxy_ssl_server_name on;
    server {
        listen %PORT%;
        add_header X-Server $upstream_last_server_name;
        add_header X-Addr $upstream_last_addr;
        location / { proxy_pass https://group; proxy_ssl_name $upstream_last_server_name; }
        location /none { return 200; }
    }
    server {
        listen 127.0.0.1:%PORT2% ssl;
        listen [::1]:%PORT2% ssl;
        ssl_certificate %DIR%/one.crt;
        ssl_certificate_key %DIR%/one.key;
        return 200 "$ssl_server_name";
    }
CONF
$site->allow_log(qr/refused/);
Certs::make($site, 'one');
$site->up;

my $reply = $site->get('/');
is $reply->body, 'localhost', 'SNI names the server that is tried last';
is $reply->header('X-Server'), 'localhost:' . $site->port(2), 'as its line has it';
like $reply->header('X-Addr'), qr/\A(?:127\.0\.0\.1|\[::1\]):\d+\z/, 'and its address is the one that answered';
is $site->get('/none')->header('X-Server'), undef, 'nothing where nobody was asked';

done_testing;
