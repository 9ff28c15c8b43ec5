# t/h2/priority.t - which of a connection's answers go first (RFC 9218)
use Site;
use H2;

needs_weir 'priorities of RFC 9218';

my $site = Site->start(<<'CONF');
    http2 on;
    server { listen %PORT%; server_name a.example; root %DIR%/html; }
CONF
$site->file('html/big', 'x' x 300_000);

# Requests for the same file, with priorities; the streams of DATA frames as they come.
sub order (@priorities) {
    my $h2 = H2->open($site, settings => pack 'nN', 4, 1_000_000);
    my ($bytes, @ids) = H2::frame_bytes(WINDOW_UPDATE, 0, 0, pack 'N', 100_000_000);

    for my $priority (@priorities) {
        push @ids, 2 * @ids + 1;
        my @fields = ref $priority || !defined $priority ? () : (fields => [priority => $priority]);
        $bytes .= H2::frame_bytes(0x10, 0, 0, pack('N', $ids[-1]) . $$priority) if ref $priority;
        $bytes .= H2::frame_bytes(HEADERS, END_HEADERS | END_STREAM, $ids[-1], H2::block(H2::request(':path' => '/big', @fields)));
    }
    $h2->raw($bytes);
    my $open = @ids;
    my @seen = $h2->until(sub ($f) { $f->{type} == DATA && $f->{flags} & END_STREAM && !--$open });
    $h2->{client}->close;
    return map { $_->{stream} } grep { $_->{type} == DATA && length $_->{payload} } @seen;
}

# The streams in the order in which each was first seen, and how often they take turns.
sub firsts (@streams) { my %seen; return join ' ', grep { !$seen{$_}++ } @streams }
sub turns (@streams) { return scalar grep { $streams[$_] != $streams[$_ - 1] } 1 .. $#streams }

my @order = order('u=6', 'u=1', undef);
is firsts(@order), '3 5 1', 'the most urgent first, the ordinary next';
is turns(@order), 2, 'one after the other';

@order = order(undef, undef, undef);
is firsts(@order), '1 3 5', 'of equals the first first';
is turns(@order), 2, 'to its end';

@order = order('i', 'i', 'i');
cmp_ok turns(@order), '>', 30, 'incremental ones share';

@order = order(\'u=7', \'u=0', \'u=3');
is firsts(@order), '3 5 1', 'PRIORITY_UPDATE before the request';

@order = order('nonsense=', 'u=99', 'u=1, u=0');
is firsts(@order), '5 1 3', 'what cannot be read counts as nothing';

# A later PRIORITY_UPDATE changes an answer that is under way.
{
    my $h2 = H2->open($site, settings => pack 'nN', 4, 1_000_000);
    $h2->get($_, '/big') for 1, 3;
    my ($got, $both) = (0, 0); # the window is used up, and the second answer is there
    $h2->until(sub ($f) {
        $got += length $f->{payload} if $f->{type} == DATA;
        $both ||= $f->{type} == HEADERS && $f->{stream} == 3;
        return $both && $got >= 65535;
    });
    $h2->raw(H2::frame_bytes(0x10, 0, 0, pack('N', 3) . 'u=0') . H2::frame_bytes(WINDOW_UPDATE, 0, 0, pack 'N', 100_000_000));
    my @seen = $h2->until(sub ($f) { $f->{type} == DATA && $f->{flags} & END_STREAM });
    is firsts(map { $_->{stream} } grep { $_->{type} == DATA } @seen), '3', 'the one that became urgent overtakes';
}
is(H2->open($site)->frame(0x10, 0, 1, pack('N', 3) . 'u=0')->goodbye, 1, 'PRIORITY_UPDATE on a stream');
is(H2->open($site)->frame(0x10, 0, 0, 'xx')->goodbye, 6, 'PRIORITY_UPDATE that is too short');

$site->stop;
done_testing;
