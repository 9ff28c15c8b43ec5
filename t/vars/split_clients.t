# t/vars/split_clients.t - clients fall into the same parts as under nginx
use Site;
use Differential;

my $conf = <<'CONF';
    split_clients "$arg_a" $half { 50% a; * b; }
    split_clients "x$arg_a" $parts { 0.5% .one; 2.0% .two; 33.33% third; 10% ""; * rest; }
    split_clients $arg_a $gap { 20% in; 20% also; }
    server { listen %PORT%; return 200 "$half|$parts|$gap\n"; }
CONF
differential_ok($conf, [map { "GET /?a=$_" } '', 'a' .. 'z', map { 'client' x ($_ % 5) . $_ * 977 } 1 .. 120]);

my %faults = (
    'split_clients $uri $x { 60% a; 50% b; }' => qr/percent total is greater than 100%/,
    'split_clients $uri $x { * a; 50% b; }'   => qr/percent total is greater than 100%/,
    'split_clients $uri $x { 50 a; }'         => qr/invalid percent value "50"/,
    'split_clients $uri $x { 0% a; }'         => qr/invalid percent value "0%"/,
    'split_clients $uri $x { 1.234% a; }'     => qr/invalid percent value "1\.234%"/,
    'split_clients $uri x { 50% a; }'         => qr/invalid variable name "x"/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
