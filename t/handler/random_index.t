# t/handler/random_index.t - any file of a directory, and only a file
use Site;

my $site = Site->start(<<'CONF', files => { map { ("html/d/$_" => $_) } qw(a b c .hidden sub/x) });
    server { listen %PORT%; root %DIR%/html; location / { random_index on; } location /off/ { alias %DIR%/html/d/; } }
CONF
my %seen;
$seen{ $site->get('/d/')->body }++ for 1 .. 60;
is join(' ', sort keys %seen), 'a b c', 'each file, and nothing else';
is $site->get('/')->status, 403, 'only directories in it: not answered';
is $site->get('/none/')->status, 404, 'no such directory';
is $site->get('/off/')->status, 403, 'off unless told';

done_testing;
