# t/vars/geo.t - variables by address, the same as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    geo $client { default other; 127.0.0.0/8 local; }
    geo $arg_a $net {
        default        other;
        10.0.0.0/8     ten;
        10.1.0.0/16    ten-one;
        10.1.2.3       one-host;
        192.168.1.0/24 home;
        192.168.2.0/24 gone;
        delete         192.168.2.0/24;
        2001:db8::/32  doc;
        2001:db8:1::/48 doc-one;
        ::1            loop6;
        255.255.255.255 no-address;
        include        %DIR%/more.geo;
    }
    geo $arg_a $no_default { 10.0.0.0/8 ten; }
    geo $arg_a $everything { 0.0.0.0/0 v4; ::/0 v6; }
    geo $arg_a $range {
        ranges;
        default                  other;
        10.0.0.0-10.0.0.255      a;
        10.0.0.10-10.0.0.20      b;
        10.0.0.12-10.0.0.12      c;
        10.0.1.0-10.0.1.255      gone;
        delete 10.0.1.0-10.0.1.255;
        127.0.0.0-127.0.0.255    local;
        172.16.0.3-172.16.7.1    odd;
    }
    geo $forwarded { proxy 127.0.0.1; proxy 10.0.0.0/8; default other; 127.0.0.1 local; 10.0.0.0/8 ten;
                     192.0.2.0/24 test; 2001:db8::/32 doc; }
    geo $forwarded_far { proxy 127.0.0.1; proxy 10.0.0.0/8; proxy_recursive; default other; 127.0.0.1 local;
                     10.0.0.0/8 ten; 192.0.2.0/24 test; }
    geo $untrusted { proxy 10.0.0.0/8; default other; 127.0.0.1 local; 192.0.2.0/24 test; }
    server {
        listen %PORT%;
        listen unix:%DIR%/geo.sock;
        return 200 "$client|$net|$no_default|$everything|$range|$forwarded|$forwarded_far|$untrusted\n";
    }
CONF
my %files = ('more.geo' => "172.16.0.0/12 included;\n");
my @addresses = ('10.0.0.0', '10.0.0.9', '10.0.0.10', '10.0.0.12', '10.0.0.13', '10.0.0.20', '10.0.0.21', '10.0.0.255',
    '10.0.1.1', '10.1.2.3', '10.1.2.4', '10.1.255.255', '10.2.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0',
    '192.168.1.7', '192.168.2.7', '2001:db8::', '2001:db8:1::5', '2001:db9::', '::1', '::ffff:10.1.2.3', '172.16.0.2',
    '172.16.0.3', '172.16.7.1', '172.16.7.2', '127.0.0.5', '255.255.255.255', '0.0.0.0', 'nonsense', '', '10.1', '::2');
my @requests = map { "GET /?a=$_" } @addresses;
push @requests, map { ['GET /', 'X-Forwarded-For' => $_] } '192.0.2.1', '192.0.2.1, 10.0.0.1',
    '10.0.0.9, 192.0.2.1 , 10.0.0.1,', 'garbage', 'garbage, 10.0.0.1', '192.0.2.1:8080', '2001:db8::7', '[2001:db8::7]:1',
    '192.0.2.1,garbage', '', ',', ' 192.0.2.1 ', '10.0.0.1', '127.0.0.1,192.0.2.5';
push @requests, ['GET /', 'X-Forwarded-For' => '192.0.2.1', 'X-Forwarded-For' => '10.0.0.1'];

differential_ok($conf, \@requests, files => \%files);

my $site = Site->start($conf, files => \%files);
is $site->request('GET /', { unix => 'geo.sock' })->body, "other|no-address||v4|other|other|other|other\n",
    'a client on a unix socket';
$site->stop;

my %faults = (
    'geo x { }'                                  => qr/invalid variable name "x"/,
    'geo $x { 1.2.3.4 a b; }'                    => qr/invalid number of the geo parameters/,
    'geo $x { 1.2.3.4; }'                        => qr/invalid number of the geo parameters/,
    'geo $x { 1.2.3.4/99 a; }'                   => qr/invalid network "1\.2\.3\.4\/99"/,
    'geo $x { default a; ranges; }'              => qr/the "ranges" directive must be the very first/,
    'geo $x { ranges; 1.2.3.4 a; }'              => qr/invalid range "1\.2\.3\.4"/,
    'geo $x { ranges; 1.2.3.4-1.2.3.3 a; }'      => qr/invalid range/,
    'geo $x { ranges; 1.2.3.4-1.2.3.9 a; 1.2.3.6-1.2.3.12 b; }' => qr/overlaps/,
    'geo $host { default a; }'                   => qr/the duplicate "host" variable/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}
my %warnings = (
    'geo $x { 1.2.3.4/24 a; }'                       => qr/low address bits of 1\.2\.3\.4\/24 are meaningless/,
    'geo $x { 1.2.3.0/24 a; 1.2.3.0/24 b; }'         => qr/duplicate network "1\.2\.3\.0\/24", value: "b", old value: "a"/,
    'geo $x { delete 1.2.3.0/24; }'                  => qr/no network "1\.2\.3\.0\/24" to delete/,
    'geo $x { ranges; 1.2.3.0-1.2.3.9 a; 1.2.3.0-1.2.3.9 b; }' => qr/duplicate range "1\.2\.3\.0-1\.2\.3\.9", value: "b"/,
);
for my $text (sort keys %warnings) {
    my $result = Site->test_config($text);
    is $result->{exit}, 0, "accepted: $text";
    like $result->{stderr}, $warnings{$text}, 'with a warning';
}

done_testing;
