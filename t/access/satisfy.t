# t/access/satisfy.t - all rules, or any of them, the same as in nginx
use Site;
use Differential;
use MIME::Base64 qw(encode_base64);

my $conf = <<'CONF';
    auth_basic_user_file %DIR%/users;
    server {
        listen %PORT%;
        root %DIR%/html;
        location /any/ok/ { satisfy any; auth_basic x; auth_request /ok; }
        location /any/no/ { satisfy any; auth_basic x; auth_request /no; }
        location /any/ask/ { satisfy any; auth_basic x; auth_request /ask; }
        location /any/error/ { satisfy any; auth_basic x; auth_request /error; }
        location /any/basic/ { satisfy any; auth_basic x; }
        location /any/request/ { satisfy any; auth_request /no; }
        location /any/nothing/ { satisfy any; }
        location /all/ok/ { auth_basic x; auth_request /ok; }
        location /all/no/ { auth_basic x; auth_request /no; }
        location /all/ask/ { auth_basic x; auth_request /ask; }
        location /ok { return 204; }
        location /no { return 403; }
        location /ask { return 401; }
        location /error { return 500; }
    }
CONF
my @places = qw(any/ok any/no any/ask any/error any/basic any/request any/nothing all/ok all/no all/ask);
my %files = (users => "joe:{PLAIN}x\n", map { ("html/$_/f" => "file\n") } @places);

differential_ok($conf, [map { my $place = $_;
    ("GET /$place/f", map { ["GET /$place/f", Authorization => 'Basic ' . encode_base64($_, '')] } 'joe:x', 'joe:y') } @places],
    files => \%files);

done_testing;
