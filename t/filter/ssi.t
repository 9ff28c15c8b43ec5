# t/filter/ssi.t - server side includes, the same as in nginx
use Site;
use Differential;

my $ssi = <<'CONF';
        location /nossi/ { ssi off; }
        location = /empty { return 200 ''; }
        location = /e404 { return 404; }
        location = /hello { return 200 'hello'; }
        location = /args { return 200 'args=$args;uri=$uri'; }
        location /deep/ { return 200 '[$uri]'; }
        location /dead { proxy_pass http://127.0.0.1:1; }
        location /px/ { proxy_pass http://%ORIGIN%/; }
CONF
my $conf = "server { listen %PORT%; root %DIR%/html; ssi on; types { text/html html; text/plain txt; }\n$ssi }";
my %files = (
    'html/inc.html'     => 'inc:<!--# echo var="uri" -->',
    'html/sub/f.txt'    => 'txt<!--# echo var="uri" -->',
    'html/zero.html'    => '',
    'html/nossi/a.html' => 'raw<!--# echo var="uri" -->',
    'html/a b.html'     => 'spc',
    'html/v.html'       => '<!--# echo var="v" --><!--# set var="w" value="W" -->',
    'html/cap.html'     => '<!--# echo var="1" --><!--# echo var="2" -->',
    'html/blk.html'     => '<!--# block name="a" -->in:<!--# echo var="v" --><!--# endblock -->B<!--#include virtual="/e404" stub="a"-->',
    'html/st.html'      => '<!--#include virtual="/empty" stub="b"-->(<!--#include virtual="/inc.html" set="w" -->)',
);
my $origin = sub ($origin) {
    my @html = (headers => ['Content-Type' => 'text/html']);
    $origin->script('/cut', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\r\npartial"], 'close');
    $origin->script('/cutc', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n7\r\npartial\r\n50\r\nxx"], 'close');
    $origin->script('/empty', [write => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n"], 'close');
    $origin->answer('/404', status => 404, body => 'NOPE', @html);
    $origin->answer('/a', body => 'ok', @html);
    $origin->answer('/a?b=c', body => 'with args', @html);
    $origin->answer('/page.html', body => 'PX<!--# include virtual="/inc.html" -->.', headers => ['Content-Type' => 'text/html',
        'Last-Modified' => 'Sat, 21 Nov 2020 05:43:51 GMT', ETag => '"abc"', 'Accept-Ranges' => 'bytes']);
};
my @side = (origin => $origin, at_once => 1, allow_log => [qr/open\(\)|directory index/]);

# Pages, one a line (see the end); %%HH is a byte.
my @pages = map { chomp; $_ } <DATA>;
sub asked ($prefix, @texts) {
    my %pages;
    my @requests = map {
        $pages{ sprintf 'html/%s%d.html', $prefix, $_ } = $texts[$_] =~ s/%%(..)/chr hex $1/ger;
        { what => "GET /$prefix$_.html", name => $texts[$_] =~ s/\n/\\n/gr };
    } 0 .. $#texts;
    return (\@requests, files => { %files, %pages });
}
my ($requests, %option) = asked('p', @pages);
differential_ok($conf, $requests, %option, @side);
differential_ok($conf =~ s/ssi on/ssi on; ssi_silent_errors on/r, [@$requests[6 .. 20]], %option, @side);

# Pages as chance makes them, the same each time
{
    my $state = 8;
    my $one_of = sub (@all) { $state = ($state * 1103515245 + 12345) % 2**31; return $all[($state >> 8) % @all] };
    my $in = sub ($percent) { return $one_of->(0 .. 99) < $percent };
    my @names = qw(v w uri args nope 1 0 2 http_host V arg_x z1 document_uri nam);
    my @values = ('abc', '$v', '${w}x', '$1', 'a b', '<&>\\"', '', '$uri', '\\$v', '$', '${v', 'x$v-$w$1', '\\\\', 'a\\b', '/x', "\\'");
    my @exprs = ('$v', '$v = abc', '$v=$w', '$v != ab', '$v = /a(b)?(c)?/', '$w = /(?P<nam>x)/', '$v = //', '$v = /', '', '$1', '=', 'x',
        '$v ! a', '$v = /a', '"a" = "a"', '$v = /(/', '$nope', '$v = \\/x', '$v != /b/', 'a b', 'abc = $v', '$v == a', '$ = a');
    my @uris = qw(/inc.html /hello /e404 /empty /v.html inc.html /cap.html sub/f.txt /nossi/a.html /zero.html /nofile.html /args?a=$v
        /deep/$v /deep/a%20b $v /../x /px/empty /px/404 /px/a /px/cut /nossi/nofile.html);
    my $param = sub ($name, $value) {
        my $quote = $value !~ /'/ && $in->(10) ? "'" : '"';
        return $in->(3) ? $one_of->($name, "$name=$value", "$name-=\"\"", "$name = $quote$value$quote") : "$name=$quote$value$quote";
    };
    my $command = sub {
        my $n = $one_of->(0 .. 99);
        my $text = $n < 20 ? 'echo ' . $param->(var => $one_of->(@names)) . ($in->(30) ? ' ' . $param->(default => $one_of->('d', '', '<b>')) : '')
                           . ($in->(30) ? ' ' . $param->(encoding => $one_of->(qw(none url entity x))) : '')
            : $n < 35 ? 'set ' . $param->(var => $one_of->(@names)) . ' ' . $param->(value => $one_of->(@values))
            : $n < 50 ? 'if ' . $param->(expr => $one_of->(@exprs))
            : $n < 57 ? 'elif ' . $param->(expr => $one_of->(@exprs))
            : $n < 64 ? 'else' : $n < 74 ? 'endif'
            : $n < 79 ? 'block ' . $param->(name => $one_of->(qw(a b))) : $n < 85 ? 'endblock'
            : $n < 95 ? 'include ' . $param->($one_of->(qw(virtual file)), $one_of->(@uris))
                . ($in->(30) ? ' ' . $param->(stub => $one_of->(qw(a b))) : $in->(15) ? ' ' . $param->(set => $one_of->(qw(v w q)))
                    : $in->(15) ? ' ' . $param->(wait => $one_of->(qw(yes no yes x))) : '')
            : $one_of->('bogus', 'Echo var="v"', '-', 'echo', 'if', 'endif x="y"', 'set value="x"', 'block', 'include set="v"', 'else x');
        my $end = $in->(80) ? ' -->' : $in->(75) ? '-->' : $one_of->(' --->', ' ->', ' - -->', '--', 'x-->', '>');
        return $one_of->('<!--#', '<!--# ', "<!--#\n\t") . $text . $end;
    };
    my @random = map {
        join('', map { $in->(60) ? $command->() : $one_of->('a', '[b]', '<p>', '<', '<!', '<!-', '<!--', '<!-- x -->', '--> ', "\n", ';') }
            1 .. $one_of->(3, 6, 12, 30)) . '.'
    } 1 .. 150;
    my ($requests, %option) = asked('r', @random);
    $requests->[$_]{name} = "random page $_" for 0 .. $#random;
    differential_ok($conf, $requests, %option, @side);
}

# Heads: what is said of the page's file is not said of the page
my $heads = <<'CONF';
    server {
        listen %PORT%; root %DIR%/html; types { text/html html; text/plain txt; text/x-page page; }
        location / { ssi on; }
        location /kept/ { ssi on; ssi_last_modified on; alias %DIR%/html/; }
        location /types/ { ssi on; ssi_types text/x-page; alias %DIR%/html/; }
        location /any/ { ssi on; ssi_types *; alias %DIR%/html/; }
        location /off/ { alias %DIR%/html/; }
        location /px/ { ssi on; proxy_pass http://%ORIGIN%/; }
        location /pxkept/ { ssi on; ssi_last_modified on; proxy_pass http://%ORIGIN%/; }
        location /if/ { if ($arg_ssi) { ssi on; } alias %DIR%/html/; }
        location /length/ { ssi on; ssi_value_length 3; alias %DIR%/html/; }
    }
CONF
my %pages = ('html/a.html' => '<!--# echo var="uri" -->', 'html/a.txt' => '<!--# echo var="uri" -->', 'html/a.page' => '<!--# echo var="uri" -->',
    'html/l.html' => '<!--# set var="v" value="abc" --><!--# echo var="v" --><!--# set var="v" value="abcd" --><!--# echo var="v" -->',
    'html/zero.html' => '', 'html/plain.html' => 'no commands in here');
my $since = 'Sun, 13 Sep 2020 12:26:40 GMT';
my @of_heads = ((map { my $dir = $_; map { ("GET /$dir$_", "HEAD /$dir$_", ["GET /$dir$_", Range => 'bytes=0-3'],
        ["GET /$dir$_", 'If-Modified-Since' => $since], ["GET /$dir$_", 'If-None-Match' => '*'], { what => "GET /$dir$_", version => '1.0' }) }
        qw(a.html plain.html) } '', qw(kept/ types/ any/ off/)),
    (map { "GET $_" } qw(/a.txt /types/a.page /types/a.txt /any/a.txt /zero.html /kept/zero.html /none.html /length/l.html /if/a.html?ssi=1 /if/a.html
        /px/page.html /pxkept/page.html /px/404 /px/empty)), 'HEAD /px/page.html', { what => 'GET /px/page.html', version => '1.0' },
    { what => 'POST /px/page.html', body => 'the body' });
differential_ok($heads, \@of_heads, files => \%pages, @side);

# What includes send to an origin: like nginx, but for conditions, ranges and codings of the whole page
my ($of_origin, %page) = asked('o', '<!--# include virtual="/px/a" wait="yes" --><!--# include virtual="/px/a?b=c" wait="yes" --><!--# include virtual="/px/404" -->');
my $what = $of_origin->[0]{what};
differential_ok($conf, [$what, [$what, 'X-A' => 'b', Cookie => 'c=d', 'User-Agent' => 'me'],
    { what => $what =~ s/GET/POST/r, body => 'posted' }], %page, @side, at_once => 0,
    allow => { $what =~ s/GET/POST/r => 'nginx refuses to POST to a file; so do we' });

# From here on, one site of our own -----------------------------------------------------------------

my $site = Site->start(<<'CONF', files => \%files, events => 'worker_connections 4096;');
    log_format short '$uri $status $body_bytes_sent $request_id';
    server {
        listen %PORT%; root %DIR%/html; ssi on; log_subrequest on; access_log %DIR%/subs.log short;
        types { text/html html; text/plain txt; }
        subrequest_output_buffer_size 20;
        location = /empty { return 200 ''; }
        location = /hello { return 200 'hello'; }
        location = /e444 { return 444; }
        location = /big { alias %DIR%/html/big.txt; }
        location /px/ { proxy_pass http://%ORIGIN%/; proxy_set_header X-Id $request_id; }
        location /small/ { proxy_pass http://%ORIGIN%/; proxy_buffers 4 4k; proxy_max_temp_file_size 0; }
        location /gz/ { gzip on; gzip_min_length 1; alias %DIR%/html/; }
        location /sets/ { set $mine $uri; return 200 '<!--# echo var="mine" -->'; types {} default_type text/html; }
    }
CONF
$site->allow_log(qr/open\(\)/);
my $at_origin = $site->origin;
my $n = 0;
sub page ($text) {
    my $name = 't' . $n++ . '.html';
    $site->file("html/$name", $text);
    return "/$name";
}
sub shown ($text, @fields) { return $site->get(page($text), @fields)->body }
sub include ($uri, $more = '') { return qq{<!--# include virtual="$uri"$more -->} }

# However a page is cut on its way, it is the same page
{
    my $text = '<<!--# set var="v" value="a\\"b" -->x<!--# echo var=\'v\' encoding="none"--><!-- no --><!--#if expr="$v = /b/" -->'
        . include('/hello') . '<!--# else -->N<!--# endif --->e--> <!--# endif --><!';
    my $want = '<xa"b<!-- no -->hello[an error occurred while processing the directive]<!';
    my $chunk = sub ($piece) { return sprintf "%x\r\n%s\r\n", length $piece, $piece };
    my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";
    for my $size (1, 2, 3, 7, 20) {
        $at_origin->script("/cut$size", [write => $head . join('', map { $chunk->($_) } $text =~ /(.{1,$size})/gs) . "0\r\n\r\n"]);
        is $site->get("/px/cut$size")->body, $want, "a page in chunks of $size";
    }
    my @steps = map { ([write => $chunk->($_)], [wait => 'next']) } $text =~ /(.{1,5})/gs;
    $at_origin->script('/slowly', [write => $head], @steps, [write => "0\r\n\r\n"]);
    my $client = $site->send('GET /px/slowly');
    $client->read_until(qr/\r\n\r\n/);
    $at_origin->go('next', scalar(@steps) / 2);
    is $site->get('/hello')->body, 'hello', 'while a page comes slowly others are served';
    my $body = $client->read_until(qr/\r\n0\r\n\r\n/) =~ s/[0-9a-f]+\r\n(.*?)\r\n/$1/gsr;
    is $body, $want, 'and it is the same';
}

# Includes run at the same time and are shown in order
{
    my @held = map { $at_origin->hold("/$_") } 1 .. 5;
    $at_origin->answer("/$_", body => "<$_>") for 1 .. 5;
    my $client = $site->send('GET ' . page('a' . join('.', map { include("/px/$_") } 1 .. 5) . 'z'));
    $_->reached for @held;
    pass 'five includes of a page have all reached their origin';
    $held[$_]->release for 4, 2, 1, 3;
    my $begun = $client->read_until(qr/\r\n1\r\na\r\n/);
    pass 'what comes before them is shown at once';
    $held[0]->release;
    is $client->read_until(qr/\r\n0\r\n\r\n/) =~ s/(?:^|\r\n)[0-9a-f]+\r\n|\r\n//gr, '<1>.<2>.<3>.<4>.<5>z', 'they are shown in the order of the page';
}
{
    my @held = map { $at_origin->hold("/n$_") } 1 .. 4;
    $at_origin->answer("/n$_", body => $_) for 1 .. 4;
    my @pages = map { page(include("/px/n$_") . '-') } 1 .. 4;
    my $client = $site->send('GET ' . page(join '', map { include(page(include($_))) } @pages));
    $_->reached for @held;
    pass 'also those of pages within pages';
    $_->release for @held;
    is $client->response->body, '1-2-3-4-', 'in order';
}
{
    my $held = $at_origin->hold('/first');
    $at_origin->answer('/first', body => '1');
    $at_origin->answer('/second', body => '2');
    my $client = $site->send('GET ' . page(include('/px/first', ' wait="yes"') . include('/px/second')));
    $held->reached;
    ok wait_while(sub { !grep { $_->uri eq '/second' } $at_origin->requests }, 0.2), 'one that is waited for runs alone';
    $held->release;
    is $client->response->body, '12', 'then the next';
}

# The page behind a slow include is read ahead
{
    my $held = $at_origin->hold('/slow');
    $at_origin->answer('/slow', body => 'S');
    $at_origin->answer('/late', body => 'L');
    my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n";
    $at_origin->script('/flow', [write => $head . 'a' . include('/px/slow')], [wait => 'on'], [write => ('b' x 1000) . include('/px/late') . 'c'], 'close');
    my $client = $site->send('GET /px/flow');
    $held->reached;
    $at_origin->go('on');
    wait_until { grep { $_->uri eq '/late' } $at_origin->requests } 'an include that came behind a slow one';
    $held->release;
    is $client->response->body, 'aS' . 'b' x 1000 . 'Lc', 'all is in its place';
}

# Large and many
{
    my $big = join '', map { "line $_ of it\n" } 1 .. 40_000;
    $site->file('html/big.txt', $big);
    ok shown('[' . include('/big.txt') . ']' . include('/big.txt')) eq "[$big]$big", 'large files are included';
    ok shown($big . include('/hello') . $big) eq "${big}hello$big", 'large pages include';
    $at_origin->answer('/fill', fill => 3_000_000);
    ok shown(include('/px/fill') . 'x' . include('/px/fill')) eq Origin::pattern(3_000_000) . 'x' . Origin::pattern(3_000_000), 'large answers too';
    ok shown(include('/small/fill') . 'x' . include('/small/fill')) eq Origin::pattern(3_000_000) . 'x' . Origin::pattern(3_000_000),
        'through small buffers';
    is shown(include('/hello') x 1000), 'hello' x 1000, 'a thousand includes';
    $at_origin->answer('/tiny', body => 'T');
    is shown(include('/px/tiny') x 1000), 'T' x 1000, 'a thousand includes from an origin';
    is shown('<!--# echo var="uri" -->.' x 3000), ('/t' . ($n - 1) . '.html.') x 3000, 'thousands of variables';
}

# Loops end
{
    my $name = "t$n.html";
    my $body = shown('[' . include("/$name") . ']');
    is $body, '[' x 52 . '[an error occurred while processing the directive]' . ']' x 52, 'a page that includes itself ends';
    like $site->wait_for_log(qr/subrequests cycle/), qr/\[error\]/, 'and the log says why';
    my $page = page('.' . include("/t$n.html") x 2);
    my ($worker) = $site->workers;
    my $from = length $site->slurp('subs.log');
    kill STOP => $worker;
    wait_until { Procs::run_state($worker) eq 'T' } 'the worker to stand still';
    my @clients = map { $site->send("GET $_", { rcvbuf => 4096 }) } $page, '/hello'; # found at the same time
    kill CONT => $worker;
    is $clients[1]->response->body, 'hello', 'one that does so twice does not hold others up';
    my $before;
    wait_until { ($before) = substr($site->slurp('subs.log'), $from) =~ /\A(.*?)^\/hello 200 5 /ms } 'the line of who asked meanwhile';
    my $served = () = $before =~ /^\Q$page\E /mg;
    cmp_ok $served, '<', 10_000, "nor for a little: $served of its parts were served before him";
    $_->close for @clients;
}
is shown('<!--# set var="v" value="aaaaaaaaaaaaaaaa" -->' . '<!--# set var="v" value="$v$v$v$v" -->' x 30 . 'end')
    =~ s/(?:\Q[an error occurred while processing the directive]\E)+/E/r, 'Eend', 'a variable does not grow for ever';
is shown('<!--# block name="b" -->' . 'x' x 2_000_000 . '<!--# endblock -->' . include('/empty', ' stub="b"') . 'end'), 'end',
    'nor does a block';

# A page whose command never ends, and one that never ends
{
    my $junk = join ' ', map { "k$_=\"" . 'v' x 200 . '"' } 1 .. 5000;
    is shown("a<!--# echo $junk"), 'a', 'a command that never ends';
    like $site->wait_for_log(qr/no end in SSI command "echo"/), qr/\[error\]/, 'is logged';
    is shown("a<!--# echo $junk -->b"), 'a[an error occurred while processing the directive]b', 'or ends late';
    my $head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n";
    $at_origin->script('/endless', [write => $head], (map { ([write => '<!--# if expr="" -->'], [write => 'y' x 3_000_000]) } 1 .. 3), [write => '<!--# endif -->x'], 'close');
    is $site->get('/px/endless')->body, 'x', 'much that is not shown';
}

# Origins that fail, clients that leave
$at_origin->script('/dies', [write => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"], 'reset');
is shown('a' . include('/px/dies') . 'z'), 'aabz', 'an include that breaks off ends there';
{
    my $reply = eval { $site->send('GET ' . page('a' . include('/e444') . 'z'))->response };
    ok !defined $reply || !$reply->complete, 'one that closes the connection closes it';
    my $held = $at_origin->hold('/leave');
    my $client = $site->send('GET ' . page('a' . include('/px/leave') . include('/px/leave')));
    $held->reached(2);
    my $open = $at_origin->open;
    $client->close;
    wait_until { $at_origin->open <= $open - 2 } 'includes are given up when the client leaves';
    $held->release;
    $client = $site->send('GET ' . page(include('/px/fill') x 5), { rcvbuf => 4096 });
    $client->read_bytes(10_000);
    $client->reset;
    is shown(include('/hello')), 'hello', 'a client that leaves in the midst of an include does no harm';
}

# include set=
is shown('<!--# set var="v" value="old" -->' . include('/hello', ' set="v"') . '[<!--# echo var="v" -->]'), '[hello]', 'an answer in a variable';
is shown(include('/big', ' set="v"') . '[<!--# echo var="v" -->]'), '[an error occurred while processing the directive][]', 'one that is too large';
like $site->wait_for_log(qr/too big subrequest response/), qr/\[error\]/, 'is logged';
{
    my $held = $at_origin->hold('/value');
    $at_origin->answer('/value', body => 'from afar');
    my $client = $site->send('GET ' . page('a' . include('/px/value', ' set="v"') . '<!--# echo var="v" -->'));
    $held->reached;
    is $site->get('/hello')->body, 'hello', 'while it is waited for others are served';
    $held->release;
    is $client->response->body, 'afrom afar', 'then it is there';
}

# Variables of the server
is shown(include('/sets/x', ' wait="yes"') . '<!--# echo var="mine" -->'), '/sets/x/sets/x', 'what an include sets with `set` is seen';
{
    $at_origin->forget;
    $site->get(page(include('/px/a', ' wait="yes"') . include('/px/a') . '<!--# echo var="request_id" -->'));
    my %ids = map { $_->header('X-Id') => 1 } $at_origin->requests;
    is scalar keys %ids, 1, '$request_id is the same in all parts';
}
like shown('<!--# config timefmt="%Y-%m-%d" --><!--# echo var="date_local" -->'), qr/\A\d{4}-\d\d-\d\d\z/, '$date_local in a format';
like shown('<!--# echo var="date_gmt" -->'), qr/\A[A-Z][a-z]+day, \d\d-[A-Z]...?-\d{4} \d\d:\d\d:\d\d GMT\z/, '$date_gmt without one';
my $asked = time;
my $seconds = shown('<!--# config timefmt="%s" --><!--# echo var="date_gmt" -->');
ok $seconds >= $asked - 1 && $seconds <= time + 1, 'seconds';

{
    my $page = page('<!--# set var="v" value="$arg_v" -->' . join '', map { qq{<!--# if expr="\$v = /^(.)$_(.)/" -->$_<!--# echo var="1" --><!--# echo var="2" --><!--# endif -->} } 1 .. 300);
    is join(' ', map { $site->get("$page?v=a${_}b")->body } 1, 7, 33, 300, 7), '1ab 7ab 3a333ab 3a030a0300ab 7ab',
        'regexes are not mixed up';
}

# Codings, conditions and ranges are of the whole page
{
    require Compress::Zlib;
    my $reply = $site->get('/gz/' . page('<p>' . include('/px/a') . '</p>') =~ s/.//r, 'Accept-Encoding' => 'gzip', Range => 'bytes=0-3',
        'If-None-Match' => '"x"', 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT');
    my $asked = $at_origin->request;
    is_deeply [grep { defined $asked->header($_) } qw(Accept-Encoding Range If-None-Match If-Modified-Since)], [], 'they are not asked of a part';
    is Compress::Zlib::memGunzip($reply->body), "<p>GET /a\n</p>", 'what is compressed is the page';
}

# The log
wait_until { ($site->slurp('subs.log') // '') =~ /\/px\/value 200 / } 'subrequests are logged';
{
    my $page = page(include('/hello') . include('/px/dies') . include('/none.html'));
    $site->get($page);
    wait_until { $site->slurp('subs.log') =~ /^\Q$page\E /m } 'the page is logged';
    my @lines = map { join ' ', (split / /)[0, 1] } split /\n/, $site->slurp('subs.log');
    is_deeply [@lines[-4 .. -1]], ['/hello 200', '/px/dies 200', '/none.html 404', "$page 200"], 'its parts before it';
    like $site->slurp('subs.log'), qr/^\/hello 200 5 /m, 'with the bytes of each';
}
$site->stop;

is(Site->test_config("server { ssi on; $_; }")->{exit}, 0, "$_ is accepted") for 'ssi_min_file_chunk 4k', 'ssi_ignore_recycled_buffers on';
done_testing;

__DATA__
a<!--# echo var="x" -->b
a<!--# echo var="x" default="d" -->b
a<!--# echo var="x" default="" -->b
a<!--# echo var="uri" -->b
a<!--# echo var="URI" -->b
a<!--# echo var="http_host" -->b
a<!--# echo -->b
a<!--# echo var="x" foo="y" -->b
a<!--# echo var="x" var="y" -->b
a<!--# bogus var="x" -->b
a<!--# ECHO var="uri" -->b
a<!--#echo var="uri"-->b
a<!--#echovar="uri"-->b
a<!--#echo%%0d%%0a%%09var = 'uri' -->b
a<!--#echo var=uri -->b
a<!--#echo var="uri" --->b-->c
a<!--#echo var="uri" - ->b-->c
a<!--#echo var="uri" x-->b-->c
a<!--#echo var="uri"x -->b-->c
a<!--#echo-->b
a<!--#-->b
a<!--# -->b-->c
a<!--#--->b-->c
a<!-- # echo var="uri" -->b
a<!--b-->c
a<<!--# echo var="uri" -->b
a<!<!--# echo var="uri" -->b
a<!-<!--# echo var="uri" -->b
a<!--<!--# echo var="uri" -->b
a<!--#
a<!--# echo
a<!--# echo var="uri"
a<!--# echo var="uri" --
a<!--# set var="v" value="A<b>&'q'" -->[<!--# echo var="v" -->]
a<!--# set var="v" value="A<b>&'q'" -->[<!--# echo var="v" encoding="none" -->][<!--# echo var="v" -->]
a<!--# set var="v" value="A b?&%/"%%c3%%a9'" -->[<!--# echo var="v" encoding="url" -->][<!--# echo var="v" -->]
a<!--# set var="v" value="x" -->[<!--# echo var="v" encoding="bogus" -->]
a<!--# set var="v" value="a\"b\'c\$d\\e\x" -->[<!--# echo var="v" encoding="none" -->]
a<!--# set var="v" value="$uri-${uri}z" -->[<!--# echo var="v" encoding="none" -->]
a<!--# set var="v" value="$-" -->[<!--# echo var="v" encoding="none" -->]
a<!--# set var="v" value="${uri" -->[<!--# echo var="v" encoding="none" -->]
a<!--# set var="v" value="$nope" -->[<!--# echo var="v" encoding="none" -->]
a<!--# set var="V" value="1" -->[<!--# echo var="v" -->][<!--# echo var="V" -->]
a<!--# set var="uri" value="1" -->[<!--# echo var="uri" -->]
a<!--# set var="" value="1" -->[<!--# echo var="" -->]
a<!--# set value="1" -->b
a<!--# set var="q" -->b
<!--# set var="v" value="abc" --><!--# if expr="$v" -->Y<!--# else -->N<!--# endif -->.
<!--# if expr="$v" -->Y<!--# else -->N<!--# endif -->.
<!--# if expr="abc" -->Y<!--# else -->N<!--# endif -->.
<!--# if expr="" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v=abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v=  abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = abc " -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v != abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$V = ABC" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr=" $v = abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="${v} = abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="x$v = xabc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="x-$v = x-abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = $v" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = '$v'" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="'$v' = '$v'" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = /b/" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = /B/" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v != /b/" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = /^(a)(b)/" -->Y<!--# echo var="0" -->,<!--# echo var="1" -->,<!--# echo var="2" -->,<!--# echo var="3" --><!--# else -->N<!--# endif -->.<!--# echo var="1" -->
<!--# set var="v" value="abc" --><!--# if expr="$v = /^(?P<nam>a)(b)/" -->Y<!--# echo var="nam" -->,<!--# echo var="1" --><!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = /b" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = /b/ " -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = /b/i" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = /(/" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = //" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v = /" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v == abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v ! abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v !" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v =" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$w =" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v x" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="$v " -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="= abc" -->Y<!--# else -->N<!--# endif -->.
<!--# set var="v" value="abc" --><!--# if expr="=" -->Y<!--# else -->N<!--# endif -->.
<!--# if expr="a" -->1<!--# if expr="b" -->2<!--# endif -->3<!--# endif -->4
<!--# if expr="" -->1<!--# if expr="b" -->2<!--# endif -->3<!--# endif -->4
<!--# if expr="a" -->1<!--# elif expr="b" -->2<!--# else -->3<!--# endif -->4
<!--# if expr="" -->1<!--# elif expr="b" -->2<!--# else -->3<!--# endif -->4
<!--# if expr="" -->1<!--# elif expr="" -->2<!--# else -->3<!--# endif -->4
<!--# if expr="" -->1<!--# elif expr="" -->2<!--# elif expr="c" -->c<!--# else -->3<!--# endif -->4
<!--# else -->3<!--# endif -->4
<!--# endif -->4
<!--# elif expr="a" -->4
<!--# if expr="" -->1<!--# else -->2<!--# else -->3<!--# endif -->4
<!--# if expr="" -->1<!--# else -->2<!--# elif expr="a" -->3<!--# endif -->4
<!--# if expr="a" -->1<!--# else -->2<!--# elif expr="a" -->3<!--# endif -->4
<!--# if -->1<!--# else -->2<!--# endif -->4
<!--# if expr="a" foo="x" -->1<!--# else -->2<!--# endif -->4
<!--# if expr="" -->1<!--# bogus -->2<!--# endif -->4
<!--# if expr="" -->1<!--# echo -->2<!--# endif -->4
<!--# if expr="" -->1<!--# echo var -->2<!--# endif -->4
<!--# if expr="" -->1<!--# set var="z" value="1" -->2<!--# endif -->4<!--# echo var="z" -->
<!--# if expr="" -->1<!--# else foo="a" -->2<!--# endif -->4
<!--# if expr="" -->1<!--# else -->2<!--# endif x="y" -->4
<!--# if expr="a" -->1
<!--# if expr="$uri = \/t.html" -->1<!--# endif -->
<!--# if expr="$uri = \\/t.html" -->1<!--# endif -->
<!--# if expr="$nope" -->1<!--# else -->2<!--# endif -->
<!--# if expr="$" -->1<!--# else -->2<!--# endif -->
<!--# if expr="${uri = a" -->1<!--# else -->2<!--# endif -->
<!--# if expr="$uri = ${uri" -->1<!--# else -->2<!--# endif -->x<!--# if expr="" -->1<!--# else -->2<!--# endif -->
<!--# if expr="$uri$args = /t.html" -->1<!--# else -->2<!--# endif -->
<!--# set var="v" value="" --><!--# if expr="$v" -->1<!--# else -->2<!--# endif -->[<!--# echo var="v" -->][<!--# echo var="v" default="d" -->]
<!--# if expr="a"="b" -->1<!--# else -->2<!--# endif -->
[<!--# include virtual="/inc.html" -->]
[<!--# include file="inc.html" -->]
[<!--# include file="sub/f.txt" -->]
[<!--# include virtual="../inc.html" -->]
[<!--# include virtual="/../inc.html" -->]
[<!--# include virtual="/sub/../inc.html" -->]
[<!--# include virtual="/nossi/a.html" -->]
[<!--# include virtual="/a%20b.html" -->]
[<!--# include virtual="/a b.html" -->]
[<!--# include virtual="/args?a=b%20c&d" -->]
[<!--# include virtual="/args?a=$uri" -->]
[<!--# include virtual="args?x#frag" -->]
[<!--# include virtual="args#frag" -->]
[<!--# include virtual="?a" -->]
[<!--# include virtual="/args%3fa" -->]
[<!--# include virtual="/%2e%2e/x" -->]
[<!--# include virtual="/%00" -->]
[<!--# include virtual="/deep/a" file="/b" -->]
[<!--# include -->]
[<!--# include virtual="/e404" -->]
[<!--# include virtual="/nofile" -->]
[<!--# include virtual="/sub" -->]
[<!--# include virtual="/sub/" -->]
[<!--# include virtual="/dead" -->]
[<!--# include virtual="/empty" -->]
[<!--# block name="one" -->S<!--# echo var="uri" --><!--# endblock --><!--# include virtual="/empty" stub="one" -->]
[<!--# block name="one" -->S<!--# echo var="uri" --><!--# endblock --><!--# include virtual="/e404" stub="one" -->]
[<!--# block name="one" -->S<!--# echo var="uri" --><!--# endblock --><!--# include virtual="/zero.html" stub="one" -->]
[<!--# block name="one" -->S<!--# echo var="uri" --><!--# endblock --><!--# include virtual="/nofile.html" stub="one" -->]
[<!--# block name="one" -->S<!--# echo var="uri" --><!--# endblock --><!--# include virtual="/nossi/nofile.html" stub="one" -->]
[<!--# block name="one" -->S<!--# echo var="uri" --><!--# endblock --><!--# include virtual="/dead" stub="one" -->]
[<!--# block name="one" -->S<!--# echo var="uri" --><!--# endblock --><!--# include virtual="/inc.html" stub="one" -->]
[<!--# block name="one" -->S<!--# endblock --><!--# include virtual="/e404" stub="two" -->]
[<!--# include virtual="/e404" stub="" -->]
[<!--# block name="one" --><!--# endblock --><!--# include virtual="/e404" stub="one" -->]
[<!--# block name="one" -->a<!--# endblock --><!--# block name="one" -->b<!--# endblock --><!--# include virtual="/e404" stub="one" -->]
[<!--# block -->a<!--# endblock -->]
[<!--# block name="" -->a<!--# endblock --><!--# include virtual="/e404" stub="" -->]
[<!--# endblock -->]
[<!--# block name="a" -->1<!--# block name="b" -->2<!--# endblock -->3<!--# endblock -->4<!--# include virtual="/e404" stub="a" --><!--# include virtual="/e404" stub="b" -->]
[<!--# block name="a" -->1<!--# if expr="" -->x<!--# else -->y<!--# endif -->3<!--# endblock -->4<!--# include virtual="/nofile.html" stub="a" -->]
[<!--# block name="a" -->1<!--# include virtual="/inc.html" -->3<!--# endblock -->4<!--# include virtual="/nofile.html" stub="a" -->]
[<!--# block name="a" -->1<!--# set  var='x'  value="a'b\"c" --><!--# echo var="x" -->3<!--# endblock -->4<!--# include virtual="/nossi/nofile.html" stub="a" -->]
[<!--# block name="a" -->1<!--# bogus  var='x' -->3<!--# endblock -->4<!--# include virtual="/nossi/nofile.html" stub="a" -->]
[<!--# block name="a" -->1<!--# bogus  var=x -->3<!--# endblock -->4<!--# include virtual="/nossi/nofile.html" stub="a" -->]
[<!--# if expr="" -->1<!--# block name="a" -->2<!--# endblock -->3<!--# endif -->4<!--# include virtual="/nofile.html" stub="a" -->]
[<!--# if expr="a" -->1<!--# block name="a" -->2<!--# endblock -->3<!--# endif -->4<!--# include virtual="/nofile.html" stub="a" -->]
[<!--# block name="a" -->1
[<!--# block name="a" -->1<!--# endblock x="y" -->2<!--# endblock -->3
[<!--# include virtual="/inc.html" wait="yes" -->]
[<!--# include virtual="/inc.html" wait="no" -->]
[<!--# include virtual="/inc.html" wait="" -->]
[<!--# include virtual="/inc.html" wait="YES" -->]
[<!--# include virtual="/inc.html" wait="bogus" -->]
[<!--# include virtual="/hello" set="q" -->][<!--# echo var="q" -->]
[<!--# include virtual="/inc.html" set="q" -->][<!--# echo var="q" -->]
[<!--# include virtual="/e404" set="q" -->][<!--# echo var="q" -->]
[<!--# include virtual="/empty" set="q" -->][<!--# echo var="q" -->]
[<!--# include virtual="/dead" set="q" -->][<!--# echo var="q" -->]
[<!--# include virtual="/hello" set="Q" -->][<!--# echo var="q" -->]
[<!--# include virtual="/hello" set="q" stub="x" -->][<!--# echo var="q" -->]
[<!--# set var="q" value="old" --><!--# include virtual="/e404" set="q" -->][<!--# echo var="q" -->]
[<!--# include virtual="/hello" set="q" wait="yes" -->][<!--# echo var="q" -->]
[<!--# include virtual="/hello" set="q" wait="no" -->][<!--# echo var="q" -->]
[<!--# include virtual="/hello" bogus="q" wait="no" -->][<!--# echo var="q" -->]
[<!--# include virtual="/deep/a%3fb?c" -->]
[<!--# include virtual="/args?c%3fd" -->]
[<!--# include virtual="/deep/a%2520b" -->]
[<!--# include virtual="/deep/%252e%252e/b" -->]
[<!--# include virtual="/deep/a%25" -->]
[<!--# include virtual="/deep//a" -->]
[<!--# include virtual="/deep/./a" -->]
[<!--# include virtual="/deep/.." -->]
[<!--# include virtual="/deep/..a" -->]
[<!--# include virtual="/deep/a..\\/b" -->]
[<!--# include virtual="http://x/deep/" -->]
[<!--# include virtual="deep/$args" -->]
[<!--# include virtual="$args" -->]
[<!--# include virtual="${uri}" -->]
[<!--# include virtual="$document_root" -->]
[<!--# include virtual="\/deep/x" -->]
[<!--# include virtual="/deep/a\$uri" -->]
[<!--# include virtual="/deep/a?x=../y" -->]
[<!--# config errmsg="$uri" --><!--# bogus -->]
[<!--# config -->][<!--# config foo="x" -->]
[<!--# config timefmt="%Y" errmsg="E" --><!--# echo var="DATE_LOCAL" --><!--# bogus -->]
[<!--# set var="v" value="1" --><!--# include virtual="/v.html" -->][<!--# echo var="w" -->]
[<!--# include virtual="/v.html" wait="yes" -->][<!--# echo var="w" -->]
[<!--# set var="v" value="a,b" --><!--# if expr="$v = /(a),(b)/" --><!--# include virtual="/cap.html" --><!--# endif -->]
[<!--# echo var="arg_x" --><!--# echo var="http_nope" --><!--# echo var="cookie_a" -->]
[<!--# echo var="$uri" -->][<!--# echo var="1" -->]
[<!--# echo var="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" -->]
[<!--# abcdefghijabcdefghijabcdefghijab -->][<!--# abcdefghijabcdefghijabcdefghijabc -->]
[<!--# echo abcdefghijabcdefghijabcdefghijab="x" -->][<!--# echo abcdefghijabcdefghijabcdefghijabc="x" -->]
[<!--# if expr="" --><!--# echo abcdefghijabcdefghijabcdefghijab="x" -->][<!--# echo abcdefghijabcdefghijabcdefghijabc="x" -->]
[<!--# set var="v" value="<&>\"'" --><!--# echo var="v" --><!--# echo var="v" encoding="url" -->]
[<!--# set var="v" value="a b+c%d?e&f=g#h/i:j@k!l$ m,n;o(p)q*r[s]t{u}v|w\\x^y`z~%%c3%%a9%%01%%7f<>" --><!--# echo var="v" encoding="url" -->]
[<!--# set var="v" value="a b+c%d?e&f=g#h/i:j@k!l,n;o(p)q*r[s]t{u}v|w\\x^y`z~%%c3%%a9%%01%%7f<>" --><!--# echo var="v" encoding="url" -->]
[<!--# echo var="uri" encoding="NONE" -->]
[<!--# echo var="nope" default="<$uri>" -->]
[<!--# echo var="nope" default="<b>" encoding="none" -->]
<!--# set var="v" value="ab" --><!--# if expr="$v = /(a)(b)/" -->1<!--# endif --><!--# if expr="$v = /(q)/" -->2<!--# endif -->[<!--# echo var="0" -->|<!--# echo var="1" -->|<!--# echo var="2" -->]
<!--# set var="v" value="ab" --><!--# if expr="$v = /(a)(b)/" -->1<!--# endif --><!--# if expr="$v = /(b)/" -->2<!--# endif -->[<!--# echo var="0" -->|<!--# echo var="1" -->|<!--# echo var="2" -->]
<!--# set var="v" value="ab" --><!--# if expr="$v = /(a)(b)/" -->1<!--# endif --><!--# if expr="$v = /b/" -->2<!--# endif -->[<!--# echo var="0" -->|<!--# echo var="1" -->|<!--# echo var="2" -->]
<!--# set var="v" value="ab" --><!--# if expr="$v = /(a)(x)?(b)/" -->1<!--# endif -->[<!--# echo var="0" -->|<!--# echo var="1" -->|<!--# echo var="2" -->|<!--# echo var="3" -->]
<!--# set var="v" value="ab" --><!--# if expr="$v = /(a)(b)/" -->1<!--# endif --><!--# set var="w" value="$2$1-$0-$3" --><!--# echo var="w" -->
<!--# set var="1" value="z" --><!--# echo var="1" --><!--# set var="v" value="ab" --><!--# if expr="$v = /(a)(b)/" -->1<!--# endif --><!--# echo var="1" -->
<!--# set var="v" value="ab" --><!--# if expr="$v = /(a)(b)/" -->1<!--# endif --><!--# set var="v" value="cd" --><!--# echo var="1" --><!--# echo var="v" -->
<!--# set var="v" value="ab" --><!--# if expr="$v = /(?P<v>b)/" -->1<!--# endif --><!--# echo var="v" -->
<!--# set var="v" value="a$b" --><!--# if expr="$v = /a\$b/" -->1<!--# endif --><!--# echo var="v" -->
<!--# set var="v" value="aXb" --><!--# if expr="$v = /A(?i)x/" -->1<!--# elif expr="$v = /(?i)ax/" -->2<!--# endif -->
<!--# set var="x" value="a" --><!--# set var="v" value="a" --><!--# if expr="$v = /$x/" -->1<!--# else -->0<!--# endif -->
<!--# set var="v" value="a/b" --><!--# if expr="$v = /a/b/" -->1<!--# else -->0<!--# endif -->
<!--# set var="v" value="ab" --><!--# if expr="$v =/a/" -->1<!--# else -->0<!--# endif --><!--# if expr="$v=/a/" -->1<!--# else -->0<!--# endif -->
<!--# if expr="/a/ = a" -->1<!--# else -->0<!--# endif -->
<!--# if expr="a" -->x<!--# include virtual="/inc.html" wait="yes" -->y<!--# else -->0<!--# endif -->
<!--# include virtual="/px/ssi.html" -->
[<!--# include virtual="/inc.html" --><!--# include virtual="/hello" set="z" -->][<!--# echo var="z" -->]
[<!--# include virtual="/inc.html" wait="yes" --><!--# include virtual="/inc.html" wait="yes" --><!--# include virtual="/hello" set="z" -->][<!--# echo var="z" -->]
[<!--# include virtual="/inc.html" stub="x" wait="bogus" -->]
[<!--# include virtual='/inc.html' -->]
[<!--# include virtual='/inc.html" -->]
[<!--#include virtual="/inc.html"-->][<!--#include virtual="/inc.html"wait="yes"-->]
[<!--#include virtual = "/inc.html"-->][<!--#include virtual ="/inc.html"-->]
[<!--#include virtual-="/inc.html"-->]a-->b
[<!--#include virtual -="/inc.html"-->]a-->b
[<!--#include virtual =-"/inc.html"-->]a-->b
[<!--#inc-lude virtual="/inc.html"-->]a-->b
[<!--#include -virtual="/inc.html"-->]a-->b
[<!--#include "virtual"="/inc.html"-->]a-->b
[<!--#include ="/inc.html"-->]a-->b
[<!--#include virtual="/inc.html" ->-->]a-->b
[<!--#include virtual="/inc.html" --->-->]a-->b
[<!--#bad!---->]a-->b
[<!--#echo var="uri%%00" -->]
[<!--#echo%%00 var="uri" -->]
[<!--#echo var="args" default="d" -->]
[<!--# include virtual="/px/cut" -->]
[<!--# include virtual="/px/cutc" -->]
[<!--# include virtual="/px/cut" set="v" -->][<!--# echo var="v" -->]
[<!--# block name="one" -->S<!--# echo var="uri" --><!--# endblock --><!--# include virtual="/px/empty" stub="one" -->]
[<!--# include virtual="/px/404" -->]
[<!--# include virtual="/px/404" set="v" -->][<!--# echo var="v" -->]
[<!--# include virtual="/px/a?b=c" -->]
<!--# set var="v" value="ab" --><!--# set var="r" value="/b/" --><!--# if expr="$v = $r" -->1<!--# else -->0<!--# endif -->
<!--# set var="v" value="ab" --><!--# set var="r" value="/" --><!--# if expr="$v = ${r}b/" -->1<!--# else -->0<!--# endif -->
<!--# set var="v" value="ab" --><!--# if expr="$v = \/b/" -->1<!--# else -->0<!--# endif -->
<!--# set var="v" value="a1" --><!--# if expr="$v = /^\w\d$/" -->1<!--# else -->0<!--# endif -->
<!--# set var="v" value="a1" --><!--# if expr="$v = /^\w\d\$/" -->1<!--# else -->0<!--# endif -->
<!--# set var="v" value="a1" --><!--# if expr="$v = /^\w\d\\$/" -->1<!--# else -->0<!--# endif -->
<!--# if expr="\$v = a" -->1<!--# else -->0<!--# endif -->
<!--# if expr="a != b" -->1<!--# else -->0<!--# endif --><!--# if expr="a!=a" -->1<!--# else -->0<!--# endif --><!--# if expr="a!=/a/" -->1<!--# else -->0<!--# endif -->
