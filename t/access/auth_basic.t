# t/access/auth_basic.t - users and passwords from files, the same as in nginx
use Site;
use Differential;
use MIME::Base64 qw(encode_base64);
use Time::HiRes ();

my %stored = (
    plain   => '{PLAIN}secret',
    sha     => '{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=',
    ssha    => '{SSHA}gVK8WC9YyFT1gMsQHTGCgT3sSv5zYWx0',
    apr     => '$apr1$abcdefgh$h9FWgUz3n9YxylKLlR5SQ/',
    bcrypt  => '$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW',
    sha512  => '$6$saltsalt$TVLlQcbpFVof5W3Yz4DTP6gRstiNuHwwTt6GLc1E5n0U0aDehy0S5knV8wiOQSpT0Y77vwPZN.Pq.H91p5hVO1',
    sha256  => '$5$abcd$BgCbKzckrgGdFcL/gWllSOkKJCXQV5rwJeTh9xnsJ1D',
    md5     => '$1$saltsalt$9xy1btjgzLYfb7hivXtC//',
    yescrypt => '$y$j75$abcdefgh$uMUXG79B2cFpoAYyDccUnsaH/aGTyBYMlnQidzyag01',
    des     => 'abNANd1rDfiNc',
    comment => '{PLAIN}secret:a comment',
    empty   => '{PLAIN}',
    odd     => '$99$what',
);
my $users = "# users\n\n" . join '', map { "$_:$stored{$_}\n" } sort keys %stored;
my %files = (users => "${users}last:{PLAIN}line", other => "joe:{PLAIN}secret\n",
             big => ('x' x 40 . ":{PLAIN}x\n") x 2000 . "joe:$stored{apr}\n",
             map { ("html/$_" => "file $_\n") } qw(a off/a inner/a vars/a missing/a any/a all/a page/a denied.html));
my $conf = <<'CONF';
    auth_basic_user_file %DIR%/users;
    map $arg_realm $realm { default off; "~." $arg_realm; }
    server {
        listen %PORT%;
        root %DIR%/html;
        auth_basic "closed site";
        location /off/ { auth_basic off; }
        location /inner/ { auth_basic "another"; auth_basic_user_file other; }
        location /vars/ { auth_basic $realm; auth_basic_user_file %DIR%/$arg_file; }
        location /big/ { auth_basic_user_file big; alias %DIR%/html/; }
        location /missing/ { auth_basic_user_file none; }
        location /page/ { error_page 401 /denied.html; }
        location /named/ { error_page 401 = @denied; }
        location @denied { auth_basic off; return 403 "sorry $remote_user\n"; }
        location = /denied.html { auth_basic off; }
        location /return/ { return 200 "user $remote_user\n"; }
        location /user/ { proxy_pass http://%ORIGIN%; proxy_set_header X-User $remote_user; }
        location /except/ { auth_basic off; limit_except GET { auth_basic "write"; } alias %DIR%/html/; }
    }
CONF
sub basic ($user, $password) { return (Authorization => 'Basic ' . encode_base64("$user:$password", '')) }

my @requests = ('GET /a', 'HEAD /a', 'GET /off/a', 'GET /return/', 'GET /page/a', 'GET /named/a', 'GET /nowhere');
push @requests, map { (['GET /a', basic($_, 'secret')], ['GET /a', basic($_, 'wrong')]) } sort keys %stored;
push @requests, map { ['GET /a', Authorization => $_] } 'Basic', 'Basic ', 'Basic !!!', 'Bearer x', 'basic ' .
    encode_base64('plain:secret', ''), 'Basic   ' . encode_base64('plain:secret', ''), 'Basic ' . encode_base64('plain', ''),
    'Basic ' . encode_base64(':secret', ''), 'Basic ' . encode_base64(':', ''), 'Basic' . encode_base64('plain:secret', '');
push @requests, ['GET /a', basic('nobody', 'x')], ['GET /a', basic('last', 'line')], ['GET /a', basic('empty', '')],
    ['GET /a', basic('# users', '')], ['GET /inner/a', basic('joe', 'secret')], ['GET /inner/a', basic('plain', 'secret')],
    ['GET /missing/a', basic('joe', 'secret')], ['GET /page/a', basic('plain', 'x')], ['GET /named/a', basic('plain', 'x')],
    ['GET /vars/a?realm=x&file=other', basic('joe', 'secret')], ['GET /vars/a?realm=x&file=other', basic('joe', 'x')],
    'GET /vars/a?realm=x&file=other', 'GET /vars/a?file=other', 'GET /vars/a?realm=off&file=other',
    ['GET /user/x', basic('plain', 'secret')], ['GET /big/a', basic('joe', 'secret')], ['GET /big/a', basic('joe', 'x')],
    ['GET /big/a', basic('jo', 'secret')];
push @requests, map { ("$_ /except/a", ["$_ /except/a", basic('plain', 'secret')], ["$_ /except/a", basic('plain', 'x')]) }
    qw(GET HEAD POST PUT DELETE);

differential_ok($conf, \@requests, files => \%files, allow_log => [qr/open\(\)|crypt/],
    origin => sub ($origin) { $origin->answer('/user/x', body => 'x') });

my $site = Site->start($conf, files => \%files, main => 'worker_processes 2;');
my $mark = $site->log_mark;
is $site->get('/a', basic('apr', 'secret'))->status, 200, 'a slow form' for 1 .. 5;
is $site->get('/a', basic('apr', 'wrong'))->status, 401, 'and a wrong one' for 1 .. 2;
like $site->wait_for_log(qr/user "apr"/, since => $mark), qr/user "apr": password mismatch, client:/, 'a mismatch is logged';
$site->get('/a', basic('nobody', 'x'));
like $site->wait_for_log(qr/user "nobody" was not found in ".*users"/), qr/\[error\]/, 'so is an unknown user';
$site->file('users', "apr:{PLAIN}changed\n");
is $site->get('/a', basic('apr', 'secret'))->status, 401, 'a change of the file holds at once';
is $site->get('/a', basic('apr', 'changed'))->status, 200, 'also for the new password';

subtest 'a client that leaves while its password is checked' => sub {
    needs_weir('nginx checks before it reads on');
    my @clients = map { my $client = $site->connect; $client->send('GET /big/a', basic('joe', "wrong $_")); $client } 1 .. 20;
    $_->close for @clients;
    is $site->get('/off/a')->status, 200, 'the server goes on';
};
$site->stop;

subtest 'slow passwords do not hold up others' => sub {
    my $hash = crypt 'secret', '$2b$12$' . 'abcdefghijklmnopqrstuu';
    my $before = (times)[0];
    is crypt('secret', $hash), $hash, 'a slow password';
    my $once = (times)[0] - $before;      # of the processor: less than that it never takes
    my $busy = Site->start(<<'CONF', files => { users => "joe:$hash\n", 'html/a' => 'x', 'html/free' => 'y' });
        keepalive_requests 1000000;
        server { listen %PORT%; root %DIR%/html; location = /a { auth_basic x; auth_basic_user_file %DIR%/users; } }
CONF
    my $client = $busy->connect;
    my %status;
    # The one worker answers others while it checks; if it did not, no guess could be without an answer
    # after several of them, on a machine however busy.
    wait_until {
        my @guesses = map { $busy->send('GET /a', basic('joe', "wrong $_")) } 1 .. 5;
        $status{ $client->get('/free')->status }++ for 1 .. 20;
        my $checked = grep { !$_->pending } @guesses;
        $status{ $_->response->status }++ for @guesses;
        $checked;
    } 'answers to others while passwords are checked';
    is_deeply [sort keys %status], [200, 401], 'all answered, all guesses were wrong';
    is $busy->get('/a', basic('joe', 'secret'))->status, 200, 'the right one is right';
    wait_until {
        my $again = Time::HiRes::time();
        is $busy->get('/a', basic('joe', 'secret'))->status, 200, 'and is remembered';
        Time::HiRes::time() - $again < $once / 2;
    } 'an answer without another computation';
    $busy->stop;
};

subtest 'auth_delay' => sub {
    my $slow = Site->start(<<'CONF', files => \%files);
        auth_basic x; auth_basic_user_file %DIR%/users; auth_delay 300ms;
        server { listen %PORT%; root %DIR%/html; location /any/ { satisfy any; } }
CONF
    my $start;
    wait_until {
        $start = Time::HiRes::time();
        is $slow->get('/a', basic('plain', 'secret'))->status, 200, 'the right password';
        Time::HiRes::time() - $start < 0.25;
    } 'it not to wait';
    $start = Time::HiRes::time();
    is $slow->get('/a')->status, 401, 'none does';
    is $slow->get('/any/a')->status, 401, 'also under satisfy any';
    cmp_ok Time::HiRes::time() - $start, '>=', 0.6, 'both';
    $slow->stop;
};

done_testing;
