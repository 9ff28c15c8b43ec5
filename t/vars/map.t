# t/vars/map.t - map, the same as in nginx
use Site;
use Differential;

my $conf = <<'CONF';
    map_hash_max_size 4096;
    map_hash_bucket_size 128;
    map $arg_a $plain {
        default     other;
        one         1;
        TWO         2;
        "a b"       spaced;
        ""          empty;
        \default    the-word;
        \hostnames  the-other-word;
        *.x         star;
        include     %DIR%/more.map;
        ~^re(\d+)$  regex-$1;
        ~*^nocase   $uri;
        ~^named-(?<who>.*)$ $who;
        ~(?<first>.)-(?<second>.)  $second$first;
        with-vars   "[$request_method $arg_b]";
    }
    map $arg_a $without_default { one 1; }
    map "$arg_a:$arg_b" $pair { "1:2" yes; "~^(.*):(.*)$" "no $2 $1"; }
    map $arg_a $host_value {
        hostnames;
        default          none;
        example.com      exact;
        *.example.com    below;
        .both.example    both;
        www.deep.example.com deep;
        *.deep.example.com below-deep;
        www.example.*    beginning;
        mail.*           mail;
        ~^regex\.        regex;
    }
    map $arg_a $chained { one $pair; default $plain; }
    map $request_id$msec $kept { volatile; default $uri; }
    map $uri $kept_uri { default $uri; }
    map $arg_a $empty_value { one ""; default x; }
    map $arg_a $no_regex_for_nothing { ~* any; default nothing; }
    server {
        listen %PORT%;
        location /kept { set $before "$kept $kept_uri"; rewrite ^ /show-kept; }
        location /show-kept { return 200 "$before $kept $kept_uri"; }
        location /capture { if ($plain ~ "regex-(.*)") { return 200 "$1 of $plain"; } return 200 "none"; }
        location / {
            return 200 "$plain|$without_default|$pair|$host_value|$chained|$empty_value|$who|$first|$no_regex_for_nothing\n";
        }
    }
CONF
my %files = ('more.map' => "three 3;\nfour 4;\n");
my @values = ('one', 'ONE', 'two', 'a+b', 'a%20b', '', 'default', 'hostnames', '*.x', 'three', 'four', 're12',
    're12x', 'NoCaSe!', 'named-joe', 'a-b', 'with-vars', 'example.com', 'EXAMPLE.com', 'example.com.', 'a.example.com',
    'a.b.example.com', '.example.com', 'both.example', 'x.both.example', 'www.deep.example.com',
    'a.deep.example.com', 'deep.example.com', 'www.example.org', 'www.example.', 'www.example', 'mail.x', 'mail.x.y',
    'mail', 'regex.zone', '.', '..', 'x' x 300);
my @requests = map { ("GET /?a=$_", "GET /x?a=$_&b=2") } @values;
push @requests, 'GET /?a=1&b=2', 'GET /', 'GET /kept', 'GET /capture?a=re99', 'GET /capture?a=one';

differential_ok($conf, \@requests, files => \%files);

my %faults = (
    'map $uri x { }'                             => qr/invalid variable name "x"/,
    'map $uri $x { a b c; }'                     => qr/invalid number of the map parameters/,
    'map $uri $x { a; }'                         => qr/invalid number of the map parameters/,
    'map $uri $x { default a; default b; }'      => qr/duplicate default map parameter/,
    'map $uri $x { a 1; A 2; }'                  => qr/conflicting parameter "A"/i,
    'map $uri $x { hostnames; a.*.b 2; }'        => qr/invalid hostname or wildcard "a\.\*\.b"/,
    'map $uri $x { hostnames; .a 2; a 1; }'      => qr/conflicting parameter "a"/,
    'map $uri $x { ~( 2; }'                      => qr/pcre2?_compile\(\) failed/,
    'map $nobody $x { a 2; } server { listen %PORT%; return 200 $x; }' => qr/unknown "nobody" variable/,
    'map $uri $host { a 2; }'                    => qr/the duplicate "host" variable/,
    'map $uri { a 2; }'                          => qr/invalid number of arguments in "map" directive/,
    'map $uri $x { a $nobody; } server { listen %PORT%; return 200 $x; }' => qr/unknown "nobody" variable/,
);
for my $fault (sort keys %faults) {
    my $result = Site->test_config($fault);
    isnt $result->{exit}, 0, "refused: $fault";
    like $result->{stderr}, $faults{$fault}, 'and why';
}

done_testing;
