# t/etc/quickstart.t - what quickstart shows: a page, a folder, and an application behind the proxy
use Site;

my $conf = Procs::slurp('etc/quickstart.conf');
$conf =~ s{build/quickstart}{%DIR%}g;
$conf =~ s{127\.0\.0\.1:8080}{127.0.0.1:%PORT%};
$conf =~ s{127\.0\.0\.1:8081}{127.0.0.1:%PORT2%}g;
$conf =~ s{\A}{daemon off; };

# Copies: where the tests run as root, workers may not be able to read the repository.
my @files = qw(mime.types proxy_params quickstart/index.html quickstart/files/hello.txt);
my %files = map { my $at = /quickstart/ ? "etc/$_" : $_; $at => Procs::slurp("etc/$_") } @files;
my $site = Site->start_raw($conf, files => \%files);

my $page = $site->get('/');
is $page->status, 200, 'the page is there';
is $page->header('Content-Type'), 'text/html', 'with its type';
is $page->body, $files{'etc/quickstart/index.html'}, 'and its text';
unlike $page->body, qr{(?:src|href)="https?:|url\(|\@import}, 'it needs nothing from elsewhere';
like $page->body, qr{href="\Q$_\E}, "it leads to $_" for '/files/', '/app/';

is $site->get('/files')->status, 301, 'the folder has a slash at its end';
like $site->get('/files/')->body, qr{href="hello\.txt"}, 'the folder lists its files';
is $site->get('/files/hello.txt')->header('Content-Type'), 'text/plain', 'files have their types';

my $echo = $site->request('GET /app/hello?name=weir', 'X-Forwarded-For' => '192.0.2.1');
is $echo->status, 200, 'the application answers';
like $echo->body, qr{^method +GET$}m, 'it saw the method';
like $echo->body, qr{^uri +/hello\?name=weir$}m, 'the uri without /app';
like $echo->body, qr{^X-Forwarded-For +192\.0\.2\.1, 127\.0\.0\.1$}m, 'who asked, and through whom';

done_testing;
