# t/filter/addition.t - add_before_body and add_after_body, the same as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    server {
        listen %PORT%; root %DIR%/html;
        types { text/html html; text/plain txt; }
        location /both/ { add_before_body /parts/before.html; add_after_body /parts/after.html; alias %DIR%/html/; }
        location /before/ { add_before_body /parts/before.html; alias %DIR%/html/; }
        location /after/ { add_after_body /parts/after.html; alias %DIR%/html/; }
        location /none/ { add_before_body ""; add_after_body ""; alias %DIR%/html/; }
        location /types/ { add_before_body /parts/before.html; addition_types text/plain; alias %DIR%/html/; }
        location /any/ { add_before_body /parts/before.html; addition_types *; alias %DIR%/html/; }
        location /missing/ { add_before_body /parts/none; add_after_body /parts/dir; alias %DIR%/html/; }
        location /px/ { add_before_body /from/1; add_after_body /parts/after.html; proxy_pass http://%ORIGIN%/; }
        location /from/ { proxy_pass http://%ORIGIN%; }
        location /dead/ { add_before_body /dead-part; alias %DIR%/html/; }
        location = /dead-part { proxy_pass http://127.0.0.1:1; }
        location /text/ { add_before_body /parts/before.html; return 200 'text'; default_type text/html; }
        location /empty/ { add_before_body /parts/before.html; return 200 ''; default_type text/html; }
        location /error/ { add_before_body /parts/before.html; return 404; }
        location /page/ { add_before_body /parts/before.html; error_page 404 =200 /a.html; return 404; }
        location /nested/ { add_before_body /both/a.html; alias %DIR%/html/; }
        location /ssi/ { ssi on; add_before_body /parts/ssi.html; add_after_body /ssi/parts/ssi.html; alias %DIR%/html/; }
        location /outer { add_before_body /parts/before.html; location /outer/off { add_before_body ""; alias %DIR%/html; } alias %DIR%/html; }
    }
CONF
my %files = ('html/a.html' => 'page', 'html/a.txt' => 'text', 'html/zero.html' => '', 'html/parts/before.html' => "[before]\n",
    'html/parts/after.html' => "[after]\n", 'html/parts/ssi.html' => '(<!--# echo var="uri" -->)', 'html/parts/dir/x' => '',
    'html/s.html' => '<!--# include virtual="/ssi/parts/ssi.html" -->');
my $since = 'Sun, 13 Sep 2020 12:26:40 GMT';
my @requests = ((map { my $uri = $_; ("GET $uri", "HEAD $uri", ["GET $uri", Range => 'bytes=0-3'], ["GET $uri", 'If-Modified-Since' => $since],
        ["GET $uri", 'If-None-Match' => '*'], { what => "GET $uri", version => '1.0' }) }
        map { "/$_/a.html" } qw(both before after none types any)),
    (map { "GET $_" } qw(/types/a.txt /any/a.txt /both/a.txt /both/zero.html /both/none.html /missing/a.html /px/page /px/gone /px/long /px/chunks
        /dead/a.html /text/ /empty/ /error/ /page/ /nested/a.html /ssi/s.html /outer/a.html /outer/off/a.html)),
    { what => 'POST /px/page', body => 'posted' });
differential_ok($conf, \@requests, files => \%files, allow_log => [qr/open\(\)/], origin => sub ($origin) {
    my @html = (headers => ['Content-Type' => 'text/html', ETag => '"x"', 'Last-Modified' => $since, 'Accept-Ranges' => 'bytes']);
    $origin->answer('/from/1', body => "<part 1>", @html);
    $origin->answer('/page', body => '<page>', @html);
    $origin->answer('/gone', status => 404, body => '<gone>', @html);
    $origin->answer('/long', body => 'long ' x 20_000, @html);
    $origin->answer('/chunks', chunks => ['a' x 1000, 'b' x 1000], @html);
});

# Time, size, failure
my $site = Site->start($conf, files => \%files);
$site->allow_log(qr/open\(\)/);
my $origin = $site->origin;
$origin->answer('/from/1', body => '<part 1>');
{
    my $held = $origin->hold('/from/1');
    $origin->answer('/page', body => '<page>', headers => ['Content-Type' => 'text/html']);
    my $client = $site->send('GET /px/page');
    $held->reached;
    is $site->get('/both/a.html')->body, "[before]\npage[after]\n", 'while a part is waited for others are served';
    $held->release;
    is $client->response->body, "<part 1><page>[after]\n", 'then it comes first';
}
{
    my $held = $origin->hold('/from/1');
    my $client = $site->send('GET /px/page');
    $held->reached;
    my $open = $origin->open;
    $client->close;
    wait_until { $origin->open < $open } 'a client that leaves takes the parts with it';
    $held->release;
}
$origin->answer('/page', fill => 2_000_000, headers => ['Content-Type' => 'text/html']);
$origin->answer('/from/1', fill => 1_000_000);
ok $site->get('/px/page')->body eq Origin::pattern(1_000_000) . Origin::pattern(2_000_000) . "[after]\n", 'large parts of large answers';
$origin->script('/from/1', [write => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"], 'reset');
$origin->answer('/page', body => '<page>', headers => ['Content-Type' => 'text/html']);
is $site->get('/px/page')->body, "ab<page>[after]\n", 'a part that breaks off';
$origin->script('/cut', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 10\r\n\r\nab"], 'close');
ok !$site->get('/px/cut')->complete, 'an answer that breaks off is not made whole by what follows it';
is $site->get('/none/a.html')->header('Content-Length'), 4, 'an answer that nothing is added to is as it was';
$site->stop;

subtest 'arguments and variables' => sub {
    needs_weir('nginx takes all of it for a path');
    my $more = Site->start(<<'END', files => \%files);
        server { listen %PORT%; root %DIR%/html; types { text/html html; } add_before_body /say?of=$arg_x; add_after_body $arg_after;
                 location = /say { return 200 "<$arg_of>"; } }
END
    is $more->get('/a.html?x=1')->body, '<1>page', 'in a URI';
    is $more->get('/a.html?after=/say')->body, '<>page<>', 'one may be all of it';
    $more->stop;
};
done_testing;
