# t/tls/sessions.t - sessions are resumed by ticket and by id, by any worker, over reloads, and never elsewhere
use Site;
use Certs;
use SClient;

sub conf (%option) {
    my $common = $option{common} // '';
    return <<"CONF" . <<'CONF';
    ssl_protocols TLSv1.2 TLSv1.3;
    $common
CONF
    server {
        listen %PORT% ssl; server_name a.example;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
        return 200 "a\n";
    }
    server {
        listen %PORT% ssl; server_name b.example;
        ssl_certificate %DIR%/b.crt; ssl_certificate_key %DIR%/b.key;
        return 200 "b\n";
    }
CONF
}

my $made = File::Temp->newdir;
Certs::make("$made", $_) for qw(a b);
my %pair = map { $_ => Procs::slurp("$made/$_") } qw(a.crt a.key b.crt b.key);
my $site;
my $file = 0;
sub fresh ($version, $name = 'a.example') {
    my $kept = $site->path('session' . ++$file);
    my $first = SClient::run($site->port, "-tls1_$version", '-servername', $name, '-sess_out', $kept);
    return -e $kept ? $kept : undef;
}
sub reused ($kept, $version, $name = 'a.example') {
    return defined $kept ? SClient::run($site->port, "-tls1_$version", '-servername', $name, '-sess_in', $kept)->{reused} : 0;
}
sub resumes ($version) { return reused(fresh($version), $version) }

sub site ($common, %option) {
    $site->stop if $site;
    $site = Site->prepare(conf(common => $common), %option);
    $site->file($_, $pair{$_}) for keys %pair;
    $site->file("key$_", join '', map { chr(($_ * 7) % 256) } 1 .. 80) for 1;
    $site->file('key2', 'k' x 48);
    $site->file('key3', 'k' x 47);
    $site->up;
}

# common => [TLS 1.2, TLS 1.3]
my @cases = (
    ['', 1, 1],
    ['ssl_session_cache off;', 1, 1],
    ['ssl_session_tickets off;', 0, 0],
    ['ssl_session_tickets off; ssl_session_cache off;', 0, 0],
    ['ssl_session_tickets off; ssl_session_cache builtin;', 1, 1],
    ['ssl_session_tickets off; ssl_session_cache shared:one:1m;', 1, 1],
    ['ssl_session_tickets off; ssl_session_cache builtin shared:one:1m;', 1, 1],
    ['ssl_session_cache shared:one:1m;', 1, 1],
    ['ssl_session_ticket_key %DIR%/key1;', 1, 1],
    ['ssl_session_ticket_key %DIR%/key2; ssl_session_ticket_key %DIR%/key1;', 1, 1],
);
for my $case (@cases) {
    my ($common, $two, $three) = @$case;
    site($common);
    is resumes(2), $two, "TLS 1.2: '$common'";
    is resumes(3), $three, "TLS 1.3: '$common'";
}

# Workers share tickets and sessions.
for my $how ('', 'ssl_session_tickets off; ssl_session_cache shared:one:1m;') {
    site($how, main => 'worker_processes 4;');
    for my $version (2, 3) {
        my $count = 0;
        $count += resumes($version) for 1 .. 5;
        is $count, 5, "four workers, TLS 1.$version: '$how'";
    }
    # And the next generation goes on with them.
    my %kept = map { $_ => fresh($_) } 2, 3;
    $site->reload;
    is reused($kept{$_}, $_), 1, "over a reload, TLS 1.$_: '$how'" for 2, 3;
}

# A session of one server is no good at another.
for my $version (2, 3) {
    my $kept = fresh($version);
    is reused($kept, $version, 'b.example'), 0, "not at another server, TLS 1.$version";
    is reused($kept, $version), 1, "but at its own, TLS 1.$version";
}

# Keys given by files move on when the files do.
site('ssl_session_ticket_key %DIR%/key1;');
my $kept = fresh(3);
$site->reload(conf(common => 'ssl_session_ticket_key %DIR%/key2; ssl_session_ticket_key %DIR%/key1;'));
is reused($kept, 3), 1, 'a second key still opens';
$site->reload(conf(common => 'ssl_session_ticket_key %DIR%/key2;'));
is reused($kept, 3), 0, 'a key that is gone does not';

# Sessions end.
for my $how ('', 'ssl_session_tickets off; ssl_session_cache shared:one:1m;') {
    site("ssl_session_timeout 5s; $how");
    my %old;
    for my $version (2, 3) { # a busy machine may need longer for both than a session lives
        wait_until { reused($old{$version} = fresh($version), $version) } "young, TLS 1.$version: '$how'";
    }
    wait_until { !reused($old{$_}, $_) } "the session of TLS 1.$_ to end" for 2, 3;
    is reused($old{$_}, $_), 0, "old, TLS 1.$_: '$how'" for 2, 3;
}

# More sessions than a zone holds push out the oldest, nothing else.
site('ssl_session_tickets off; ssl_session_cache shared:one:32k;');
my $last = '';
$site->get('/', { tls => { SSL_hostname => 'a.example', SSL_version => $_ % 2 ? 'TLSv1_2' : 'TLSv1_3' } }) for 1 .. 150;
is resumes(2), 1, 'a zone that is full takes the newest';
is resumes(3), 1, 'of both versions';

my @faults = (
    ['ssl_session_cache shared:one;', qr/invalid session cache "shared:one"/],
    ['ssl_session_cache shared::1m;', qr/invalid session cache "shared::1m"/],
    ['ssl_session_cache shared:one:4k;', qr/session cache "shared:one:4k" is too small/],
    ['ssl_session_cache some;', qr/invalid session cache "some"/],
    ['ssl_session_cache builtin:x;', qr/invalid session cache "builtin:x"/],
    ['ssl_session_cache shared:one:1m; server { ssl_session_cache shared:one:2m; }', qr/conflicts with/],
    ["ssl_session_ticket_key $site->{dir}/key3;", qr/key3" must be 48 or 80 bytes/],
);
for my $fault (@faults) {
    my ($text, $pattern) = @$fault;
    my $result = Site->test_config("$text server { listen 1 ssl; ssl_certificate $site->{dir}/a.crt; ssl_certificate_key $site->{dir}/a.key; }");
    like $result->{stderr}, $pattern, $text =~ s/\Q$site->{dir}/%DIR%/r;
}

done_testing;
