# t/etc/configs.t - every configuration that comes with Weir loads
use strict;
use warnings;
use Cwd qw(getcwd);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;

my $weir = $ENV{WEIR} or plan skip_all => 'set WEIR to the binary to test';
my $top = getcwd();
my $scratch = tempdir(CLEANUP => 1);

# A copy that can be tested on any machine: without the user and the directories of the package.
sub testable {
    my ($path) = @_;
    open my $in, '<', $path or die "$path: $!";
    my $text = do { local $/; <$in> };
    $text =~ s/^user .*;$//m;
    $text =~ s{(?<=\s)/(?:var/log/weir|var/lib/weir|run)/}{$scratch/}g;
    $text =~ s{^(\s*include\s+)(?=[a-z])}{$1$top/etc/}mg;
    my $copy = "$scratch/" . ($path =~ s{.*/}{}r);
    open my $out, '>', $copy or die "$copy: $!";
    print $out $text;
    close $out or die "$copy: $!";
    return $copy;
}

sub tested {
    my ($path, $prefix) = @_;
    my $said = qx{'$weir' -t -e stderr -p '$prefix/' -c '$path' 2>&1};
    ok $? == 0, "$path loads" or diag $said;
    unlike $said, qr/\[(?:warn|error|crit|alert|emerg)\]/, 'and nothing is odd about it';
}

make_path("$top/build/quickstart"); # tools/quickstart makes it
tested('etc/quickstart.conf', $top);
tested(testable('etc/weir.conf'), $scratch);

# The snippets that configs include.
open my $out, '>', "$scratch/snippets.conf" or die $!;
print $out <<"CONF";
events { }
http {
    include $top/etc/mime.types;
    include $top/etc/koi-utf;
    include $top/etc/koi-win;
    include $top/etc/win-utf;
    server {
        listen 127.0.0.1:8080;
        location /proxy/ {
            include $top/etc/proxy_params;
            proxy_pass http://127.0.0.1:8081;
        }
        location /fastcgi/ {
            include $top/etc/fastcgi_params;
            fastcgi_pass 127.0.0.1:8081;
        }
        location /uwsgi/ {
            include $top/etc/uwsgi_params;
            uwsgi_pass 127.0.0.1:8081;
        }
        location /scgi/ {
            include $top/etc/scgi_params;
            scgi_pass 127.0.0.1:8081;
        }
        location /php/ {
            include $top/etc/fastcgi.conf;
            fastcgi_pass 127.0.0.1:8081;
        }
    }
}
CONF
close $out or die $!;
tested("$scratch/snippets.conf", $scratch);

done_testing;
