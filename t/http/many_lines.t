# t/http/many_lines.t - lists of very many lines load in a time that grows with them and no faster
use Site;

# Seconds of processor time that -t takes on so many lines.
sub load_seconds ($line, $count) {
    my $conf = "server { listen %PORT%;\n" . join('', map { sprintf("$line\n", $_) } 1 .. $count) . '}';
    my (undef, undef, $user, $system) = times;
    my $test = Site->test_config($conf);
    my (undef, undef, $user_after, $system_after) = times;
    is $test->{exit}, 0, "$count lines of $line" or diag $test->{stderr};
    return $user_after - $user + $system_after - $system;
}

for my $line ('error_page 404 /page%d;', 'add_header X-Field-%d value;', 'add_trailer X-Field-%d value;') {
    my $few = load_seconds($line, 4000);
    my $many = load_seconds($line, 40000);
    cmp_ok $many, '<', 25 * $few + 0.5, "ten times as many take about ten times as long ($few s, $many s)";
}

done_testing;
