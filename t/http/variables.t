# t/http/variables.t - what the variables say, the same as in nginx
use Site;
use Differential;

# One location per variable, so that a missing one fails alone.
my @plain = qw(
    arg_a arg_b arg_ args binary_remote_addr body_bytes_sent bytes_sent content_length content_type
    cookie_a cookie_b document_root document_uri host hostname http_host http_user_agent http_x_twice
    http_x_under_score http_cookie http_none https is_args nginx_version
    query_string realpath_root remote_addr remote_user request request_body request_completion
    request_filename request_length request_method request_uri scheme server_addr server_name server_port
    server_protocol status uri http_x_forwarded_for http_via http_authorization
    sent_http_content_type sent_http_x_none
);
my %names = map { $_ => 1 } @plain;
my %supported;
for my $name (@plain) {
    my $conf = "server { listen %PORT%; location / { return 200 '\$$name'; } }";
    $supported{$name} = Site->supports($conf);
}
my @missing = grep { !$supported{$_} } @plain;
is "@missing", '', 'every variable is known';

my $locations = join "\n", map {
    "location = /v/$_ { default_type text/plain; add_header X-Value \"[\$$_]\"; return 200 \"[\$$_]\\n\"; }"
} grep { $supported{$_} && !/\A(?:binary_remote_addr|nginx_version|request_length|bytes_sent)\z/ } @plain;
$locations =~ s/add_header [^;]*; //g unless Site->supports('server { add_header A b; listen %PORT%; }');
my $conf = "server { listen %PORT%; server_name site.example; root %DIR%/html; $locations\n" . <<'CONF';
        location = /join { return 200 "a${host}b$host-c"; }
        location = /set { set $x one; set $y "$x two"; set $x three; return 200 "$x $y"; }
        location = /unset { return 200 "[$never]"; set $never 1; }
        location ~ ^/cap/(?<name>\w+)/(\d+)$ { return 200 "$name $1 $2 [$3]"; }
        location = /quoted { return 200 "tab\there \"quoted\" 'single' back\\slash\n"; }
        location = /single { return 200 'tab\there "double" \'single\' back\\slash'; }
        location = /bare { return 200 bare\ word\;semi; }
    }
CONF
$conf =~ s/^.*location = \/unset.*\n//m unless Site->supports(
    'server { listen %PORT%; location / { return 200 "$n"; set $n 1; } }');

my @fields = ('User-Agent' => 'test/1.0', Cookie => 'a=1; b=two; a=3', 'X-Twice' => 'one', 'X-Twice' => 'two',
              'X-Under-Score' => 'u', 'X-Forwarded-For' => '192.0.2.1', 'X-Forwarded-For' => '192.0.2.2',
              Authorization => 'Basic dXNlcjpwYXNz', 'Content-Type' => 'a/b', Via => '1.1 x');
my @requests;
for my $name (grep { $supported{$_} } @plain) {
    next if $name =~ /\A(?:binary_remote_addr|nginx_version|request_length|bytes_sent)\z/;
    push @requests, ["GET /v/$name?a=1&b=x%20y&A=2&a=3&=empty", @fields];
}
push @requests, ['GET /v/host', Host => 'Other.Example:81'], ['GET /v/http_host', Host => 'Other.Example:81'],
    { what => 'GET /v/host', version => '1.0' }, { what => 'GET /v/server_protocol', version => '1.0' },
    { what => 'POST /v/content_length', body => 'abc' }, { what => 'POST /v/request_method', body => 'abc' },
    { raw => "GET /v/%75ri HTTP/1.1\r\nHost: a\r\n\r\n", name => 'an escaped uri' },
    { raw => "GET /v//../v/uri?x HTTP/1.1\r\nHost: a\r\n\r\n", name => 'a uri to normalise' },
    { raw => "GET /v/request_uri?%41 HTTP/1.1\r\nHost: a\r\n\r\n", name => 'request_uri as sent' },
    { raw => "GET /v/request?%41 HTTP/1.1\r\nHost: a\r\n\r\n", name => 'request as sent' },
    'GET /v/args', 'GET /v/args?', 'GET /v/is_args', 'GET /v/is_args?', 'GET /v/is_args?x', 'GET /v/arg_a?a',
    'GET /v/arg_a?a=', 'GET /v/arg_a?b=1&a=2', 'GET /v/arg_a?ba=1', 'GET /v/arg_a?A=1', 'GET /v/arg_b?a=1;b=2',
    ['GET /v/cookie_a', Cookie => 'b=1'], ['GET /v/cookie_a', Cookie => 'aa=1; a=2'],
    ['GET /v/cookie_a', Cookie => 'a=x,y;b=1'], ['GET /v/cookie_a', Cookie => 'A=up'],
    ['GET /v/cookie_b', Cookie => 'a=1', Cookie => 'b=2'], ['GET /v/cookie_a', Cookie => 'a = 1'],
    ['GET /v/remote_user', Authorization => 'Basic !!!'], ['GET /v/remote_user', Authorization => 'Bearer x'],
    ['GET /v/remote_user', Authorization => 'Basic dXNlcg=='], 'GET /join', 'GET /set',
    'GET /unset', 'GET /cap/abc/12', 'GET /cap/abc/x', 'GET /quoted', 'GET /single', 'GET /bare';

# Since 1.23 nginx joins the lines of any field, Debian's takes the first one.
my %allow = map { my $name = $_; map { ("$_: body" => 'joined since 1.23', "$_: header X-Value" => 'the same',
                                                      "$_: header Content-Length" => 'the same') }
                  grep { /\/v\/$name\?/ } map { Differential::name_of($_) } @requests } 'http_x_twice';
differential_ok($conf, \@requests, allow => \%allow, files => { 'html/x' => '' });

my $site = Site->start(<<'CONF');
    server {
        listen %PORT%;
        location = /twice { return 200 "$http_x_twice"; }
        location = /time { return 200 "$msec $time_local $time_iso8601"; }
        location = /pid { return 200 "$pid"; }
        location = /connection { return 200 "$connection $connection_requests"; }
        location = /id { return 200 "$request_id"; }
        location = /length { return 200 "$request_length"; }
        location = /port { return 200 "$remote_port"; }
    }
CONF
SKIP: {
    skip 'nginx before 1.23', 1 unless is_weir;
    is $site->get('/twice', 'X-Twice' => 'one', 'X-Twice' => 'two')->body, 'one, two', 'lines are joined';
}
like $site->get('/time')->body, qr{\A\d{10}\.\d{3} \d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4} \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d\z},
    'the times';
is $site->get('/pid')->body, ($site->workers)[0], '$pid is the worker';
my $client = $site->connect;
my ($number, $count) = split ' ', $client->get('/connection')->body;
is $count, 1, 'the first request of a connection';
is $client->get('/connection')->body, "$number 2", 'the second';
isnt +(split ' ', $site->get('/connection')->body)[0], $number, 'another connection, another number';
my @ids = map { $site->get('/id')->body } 1 .. 2;
like $ids[0], qr/\A[0-9a-f]{32}\z/, '$request_id';
isnt $ids[0], $ids[1], 'is never the same';
is $client->request('POST /length', { body => 'abcde' })->body,
    length Client::request_bytes('POST /length', { body => 'abcde' }), '$request_length counts the body'
    if is_weir;
is $client->get('/port')->body, $client->local_port, '$remote_port';

done_testing;
