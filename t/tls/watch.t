# t/tls/watch.t - certificates whose files change are taken without a reload, by every worker; bad ones are not
use Site;
use Certs;
use SClient;
use IO::Socket::SSL;
use File::Copy ();

needs_weir('certificates change without a reload');

my $site = Site->prepare(<<'CONF', main => 'worker_processes 2;');
    server {
        listen %PORT% ssl; server_name plain.example;
        ssl_certificate %DIR%/a.crt; ssl_certificate_key %DIR%/a.key;
    }
    server {
        listen %PORT% ssl; server_name linked.example;
        ssl_certificate %DIR%/live/full.pem; ssl_certificate_key %DIR%/live/key.pem;
    }
    server {
        listen %PORT% ssl; server_name mounted.example;
        ssl_certificate %DIR%/mount/tls.crt; ssl_certificate_key %DIR%/mount/tls.key;
    }
    server {
        listen %PORT% ssl; server_name off.example; ssl_certificate_watch off;
        ssl_certificate %DIR%/off.crt; ssl_certificate_key %DIR%/off.key;
    }
    server {
        listen %PORT% ssl; server_name soon.example;
        ssl_certificate %DIR%/soon.crt; ssl_certificate_key %DIR%/soon.key;
    }
CONF
my $made = "$site->{dir}/made";
mkdir $made;
Certs::make($made, $_) for qw(one two three four five);
Certs::make($made, 'rsa', kind => 'rsa');
Certs::make($made, 'old', days => -1);
Certs::make($site, 'soon', days => 5);

sub put ($name, $where) { # whole, as careful programs do it, and one right after the other
    my @to = map { [$_, $site->path($where) . ".$_"] } qw(crt key);
    for (@to) {
        my ($kind, $to) = @$_;
        File::Copy::copy("$made/$name.$kind", "$to.new") or die "$to: $!";
        chmod 0600, "$to.new"; # the workers cannot read it
    }
    for my $to (map { $_->[1] } @to) { rename "$to.new", $to or die "$to: $!" }
}
sub point ($link, $target) {
    symlink $target, $site->path("$link.new") or die "$link: $!";
    rename $site->path("$link.new"), $site->path($link) or die "$link: $!";
}
put('one', $_) for qw(a off);
mkdir $site->path($_) for qw(live archive mount mount/..1 mount/..2);
put('one', 'archive/1');
put('two', 'archive/2');
put('one', 'mount/..1/tls');
put('two', 'mount/..2/tls');
point('live/full.pem', '../archive/1.crt');
point('live/key.pem', '../archive/1.key');
point('mount/..data', '..1');
point('mount/tls.crt', '..data/tls.crt');
point('mount/tls.key', '..data/tls.key');
$site->up;

my $context = IO::Socket::SSL::SSL_Context->new(SSL_verify_mode => 0, SSL_ca_file => "$made/one.crt");
sub shown ($name) {
    my $client = IO::Socket::SSL->new(PeerHost => '127.0.0.1', PeerPort => $site->port, SSL_reuse_ctx => $context,
                                      SSL_hostname => "$name.example") or return "no handshake: $IO::Socket::SSL::SSL_ERROR";
    return $client->peer_certificate('commonName') =~ s/\..*//r;
}

# All workers, by asking often enough.
sub all_show ($name, $what, $why) {
    wait_until { shown($name) eq $what } "$name to show $what";
    wait_until { my %seen; $seen{shown($name)}++ for 1 .. 6; join(',', keys %seen) eq $what } "all of them to show $what";
    ok 1, $why;
}

is shown($_), 'one', "at first: $_" for qw(plain linked mounted off);
my $held = $site->connect({ tls => { SSL_hostname => 'plain.example' } });
put('two', 'a');
put('two', 'off');
all_show('plain', 'two', 'renamed into place');
is $held->get('/')->status, 404, 'a connection from before goes on';

point('live/key.pem', '../archive/2.key');
point('live/full.pem', '../archive/2.crt');
all_show('linked', 'two', 'links as certbot makes them');
point('mount/..data', '..2');
all_show('mounted', 'two', 'a link to a directory');
is shown('off'), 'one', 'not where it is off';

# Another kind of key.
put('rsa', 'a');
all_show('plain', 'rsa', 'from ECDSA to RSA');
put('three', 'a');
all_show('plain', 'three', 'and back');

# A worker that dies comes back with the newest, not with what was there at the start.
$site->allow_log(qr/exited on signal 9/);
my @before = $site->workers;
kill KILL => @before;
wait_until { my @now = $site->workers; @now == 2 && !grep { my $n = $_; grep { $_ == $n } @before } @now } 'new workers';
all_show('plain', 'three', 'after the death of all workers');

# What is no good is not taken, and the log says so once.
sub refused ($why, $pattern, $change) {
    my $mark = $site->log_mark;
    $change->();
    like $site->wait_for_log(qr/is not taken/, since => $mark), qr/\[error\].*a\.crt" has changed and is not taken: .*$pattern.*; the one before it stays/,
        "$why: refused";
    is shown('plain'), 'three', "$why: the one before stays";
    is scalar(() = $site->log_since($mark) =~ /not taken/g), 1, "$why: logged once";
}
refused('expired', qr/has expired/, sub { put('old', 'a') });
refused('junk', qr/PEM_read_bio/, sub { $site->file('a.crt', "-----BEGIN CERT") });
put('three', 'a');
refused('the wrong key', qr/does not match the key/, sub {
    File::Copy::copy("$made/four.crt", $site->path('a.crt.new'));
    rename $site->path('a.crt.new'), $site->path('a.crt');
});
# Bad ones do not come back with a new worker either.
my ($one) = $site->workers;
kill KILL => $one;
wait_until { my @now = $site->workers; @now == 2 && !grep { $_ == $one } @now } 'a new worker';
all_show('plain', 'three', 'a bad one does not outlast it');
# The other half of the pair comes late.
File::Copy::copy("$made/four.key", $site->path('a.key.new'));
rename $site->path('a.key.new'), $site->path('a.key');
all_show('plain', 'four', 'its key comes late');

# Written in place and slowly, files that are gone for a while, directories that are replaced.
my $mark = $site->log_mark;
unlink $site->path('a.key');
for my $kind (qw(crt key)) {
    my $text = Certs::slurp("$made/five.$kind");
    open my $file, '>', $site->path("a.$kind") or die $!;
    $file->autoflush;
    for my $piece (substr($text, 0, 200), substr($text, 200)) {
        print $file $piece;
        select undef, undef, undef, 0.15;
    }
    close $file;
}
all_show('plain', 'five', 'written in place, slowly');
unlike $site->log_since($mark), qr/not taken/, 'nothing unfinished was judged';
rename $site->path('live'), $site->path('live.old');
mkdir $site->path('live');
mkdir $site->path('fresh');
File::Copy::copy("$made/five.$_->[0]", $site->path("fresh/$_->[1]")) for ['crt', 'full.pem'], ['key', 'key.pem'];
rmdir $site->path('live');
rename $site->path('fresh'), $site->path('live');
all_show('linked', 'five', 'a directory that is replaced');

# A reload reads the files, and watches on.
$site->reload;
put('one', 'a');
all_show('plain', 'one', 'after a reload');

like $site->error_log, qr/\[warn\].*certificate "[^"]*soon\.crt" expires in 5 days/, 'the log warns of an end';
is scalar(() = $site->error_log =~ /expires in/g), 2, 'once per start of a generation, of that one alone';

# Sessions of the one before are not resumed as if it were the same.
my $kept = $site->path('session');
SClient::run($site->port, '-servername', 'plain.example', '-sess_out', $kept);
is SClient::run($site->port, '-servername', 'plain.example', '-sess_in', $kept)->{reused}, 1, 'a session is resumed';
put('two', 'a');
all_show('plain', 'two', 'changed once more');
is SClient::run($site->port, '-servername', 'plain.example', '-sess_in', $kept)->{reused}, 0, 'but not with another certificate';

done_testing;
