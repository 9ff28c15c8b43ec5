# t/handler/autoindex.t - directory listings, the same as in nginx
use Site;
use Differential;
use Time::HiRes ();

my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        autoindex on;
        location /approx/ { autoindex_exact_size off; alias %DIR%/html/; }
        location /local/ { autoindex_localtime on; alias %DIR%/html/; }
        location /off/ { autoindex off; }
        location /index/ { }
    }
CONF
my %files = map { ("html/$_->[0]" => $_->[1]) } (
    ['a', ''], ['b.txt', 'x' x 999], ['kilo', 'x' x 1024], ['large', 'x' x 1_500_000], ['.hidden', 'h'],
    ['with space', 'x'], ['am&p', 'x'], ['le<ss', 'x'], ['quo"te', 'x'], ['per%cent', 'x'], ['ques?tion', 'x'],
    ['co:lon', 'x'], ['ha#sh', 'x'], ["caf\xc3\xa9", 'x'], ["\xff\xfe", 'x'], ['x' x 49, 'x'], ['y' x 50, 'x'],
    ['z' x 51, 'x'], ["\xc3\xa9" x 60, 'x'], ['Z-upper', 'x'], ['dir/inside', 'x'], ['Dir2/inside', 'x'],
    ['with space dir/x', 'x'], ['empty/x', 'x'], ['index/index.html', "an index\n"], ['off/x', 'x'], ["new\nline", 'x'], ['semi;colon', 'x'], ['back\slash', 'x'], ["apo'strophe", 'x'], ['+plus', 'x'], ['til~de', 'x']);

differential_ok($conf, [map { ("GET $_", "HEAD $_") } qw(/ /dir/ /dir /approx/ /local/ /empty/ /off/ /off
                                                         /none/ /index/ /with%20space%20dir/ /?C=N;O=D)],
    files => \%files, prepare => sub ($site) {
        unlink $site->path('html/empty/x');
        for my $dir (map { $site->path("html$_") } '', qw(/dir /Dir2 /empty /index /off), '/with space dir') {
            utime 1_600_000_000, 1_600_000_000, $dir;
        }
    });

# Very many entries, and one that may not be read
my $site = Site->start($conf);
$site->file("html/many/file-$_", 'x') for map { sprintf '%05d', $_ } 1 .. 3000;
my $body = $site->get('/many/')->body;
is scalar(() = $body =~ /<a href="file-\d+">/g), 3000, '3000 entries';
mkdir $site->path('html/closed'), 0;
is $site->get('/closed/')->status, 403, 'a directory that may not be read';

done_testing;
