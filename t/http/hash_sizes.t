# t/http/hash_sizes.t - the sizes of hash tables, which size themselves here: accepted and refused as in nginx
use Site;
use Differential;

my %places = (
    map({ $_ => [qw(http server location)] } qw(types_hash_max_size types_hash_bucket_size)),
    map({ $_ => ['http'] } qw(server_names_hash_max_size server_names_hash_bucket_size variables_hash_max_size
        variables_hash_bucket_size map_hash_max_size map_hash_bucket_size)),
    map({ $_ => [qw(server location)] } qw(referer_hash_max_size referer_hash_bucket_size)),
);
my %wrap = (http => '%s', server => 'server { %s }', location => 'server { location / { %s } }');

# What the oracle says of a configuration, and what we do.
sub faults ($conf) {
    my $ours = Site->test_config($conf);
    my $nginx = Differential::nginx_binary();
    my $theirs = do { local $ENV{WEIR} = $nginx; Site->test_config($conf) };
    return map { my ($text) = $_->{stderr} =~ /\[emerg\] (?:\d+#\d+: )?("\w+" directive [a-z ]+?)(?: in |\n)/; ($_->{exit} ? 'refused: ' . ($text // $_->{stderr}) : 'accepted') } $ours, $theirs;
}

for my $name (sort keys %places) {
    my ($place) = @{ $places{$name} };
    for my $words ('1024', '2k', '-1', 'many', '', '1 2', "512; $name 512") {
        my ($ours, $theirs) = faults(sprintf $wrap{$place}, "$name $words;");
        s/ arguments in .*/ arguments/s for $ours, $theirs;
        is $ours =~ s/refused: weir:.*/refused/sr, $theirs =~ s/refused: (?:\d|nginx:).*/refused/sr, "$name $words";
    }
    for my $where (sort keys %wrap) {
        my ($ours, $theirs) = faults(sprintf $wrap{$where}, "$name 1024;");
        is $ours =~ s/ (?:in|here) .*//r, $theirs =~ s/ (?:in|here) .*//r, "$name in $where";
        is $ours eq 'accepted', !!(grep { $_ eq $where } @{ $places{$name} }), 'where it belongs';
    }
}

done_testing;
