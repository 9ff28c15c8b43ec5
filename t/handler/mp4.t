# t/handler/mp4.t - MP4 videos between two times, the same bytes as nginx sends
use Site;
use Differential;
use Mp4;

my $seed = 11;
sub draw ($below) { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; return ($seed >> 8) % $below }

my %video = (timescale => 600, times => [[100, 20]], runs => [[1, 5]], keys => [1, 13, 26, 51, 76], offsets => [[100, 40]]);
my %audio = (timescale => 8000, times => [[250, 106], [1, 50]], runs => [[1, 7], [5, 3]], chunk_gap => 2);
my %movie = (
    plain   => { tracks => [{%video}] },
    both    => { tracks => [{%video}, {%audio}] },
    last    => { tracks => [{%video}, {%audio}], index => 'last' },
    more    => { tracks => [{%video}, {%audio}], more => 1 },
    morelast => { tracks => [{%video}, {%audio}], more => 1, index => 'last', box64 => 1 },
    wide    => { tracks => [{ %video, wide => 1 }, {%audio}], box64 => 1 },
    version1 => { tracks => [{%video}, {%audio}], version1 => 1 },
    noftyp  => { tracks => [{%video}], no_ftyp => 1 },
    runs    => { tracks => [{ %video, runs => [[1, 3], [2, 1], [4, 6], [5, 2]], offsets => [[10, 1], [1, 2], [1, 1], [88, 7]] }] },
    ones    => { tracks => [{ %video, runs => [[1, 1]] }, { %audio, runs => [[1, 1]] }] },
    single  => { tracks => [{ %video, runs => [[1, 100]] }, { %audio, runs => [[1, 251]] }] },
    times   => { tracks => [{ %video, times => [[1, 10], [3, 20], [1, 100], [40, 7], [55, 30]], offsets => [map { [1, $_ % 5] } 1 .. 100] }] },
    signed  => { tracks => [{ %video, offsets => [[50, -20], [50, 20]], signed => 1 }] },
    short   => { tracks => [{%video}, { %audio, times => [[100, 106]] }] },
    three   => { tracks => [{%video}, {%audio}, { %video, timescale => 90_000, times => [[100, 3003]], wide => 1 }] },
    large   => { tracks => [{ %video, scale => 200 }, { %audio, scale => 50 }] },
    largelast => { tracks => [{ %video, scale => 200 }, { %audio, scale => 50 }], index => 'last', more => 1 },
    nokeys  => { tracks => [{ %video, keys => undef, offsets => undef }] },
    fewkeys => { tracks => [{ %video, keys => [40] }] },
);
my %files = map { ("html/$_.mp4" => Mp4::file(%{ $movie{$_} })) } keys %movie;
my $conf = <<'CONF';
    server {
        listen %PORT%;
        root %DIR%/html;
        location / { mp4; }
        location /plain/ { alias %DIR%/html/; }
        location /key/ { mp4; mp4_start_key_frame on; alias %DIR%/html/; }
        location /small/ { mp4; mp4_max_buffer_size 500; mp4_buffer_size 200; alias %DIR%/html/; }
        location /buffers/ { mp4; mp4_max_buffer_size 2m; mp4_buffer_size 1k; sendfile off; alias %DIR%/html/; }
        location /direct/ { mp4; directio 1k; alias %DIR%/html/; }
        location /threads/ { mp4; aio threads; alias %DIR%/html/; }
        location /page/ { mp4; error_page 500 /plain.mp4; alias %DIR%/html/; }
    }
CONF
my @parts = ('', map { "?$_" } 'start=0', 'start=0.0', 'start=1', 'start=1.5', 'start=0.833', 'start=0.8333333333333', 'start=3.333', 'start=3.3', 'start=3.36', 'start=9', 'start=99999999999999999999',
    'end=1', 'end=0', 'end=2.5', 'start=0&end=1', 'start=1&end=2', 'start=1&end=1', 'start=2&end=1', 'start=1&end=1.001', 'start=1&end=1.02', 'start=0.5&end=3', 'start=1&end=100', 'start=0.0333&end=0.0666',
    'start=', 'start=x', 'start=-1', 'start=1x', 'start=1.2.3', 'start=.', 'start=.5', 'start=1.', 'start=x&end=1', 'start=1&end=x', 'start=3.31&end=3.32', 'start=0.16&end=0.17', 'start=1.6667&end=1.7');
my @requests = map { my $name = $_; map { "GET /$name.mp4$_" } @parts } sort keys %movie;
for my $name (sort keys %movie) {
    push @requests, map { my $start = draw(340) / 100; my $end = $start + draw(150) / 100; draw(3) ? "GET /$name.mp4?start=$start&end=$end" : "GET /$name.mp4?start=$start" } 1 .. 40;
}
push @requests, map { my $name = $_; map { "GET /key/$name.mp4$_" } @parts, map { my $start = draw(340) / 100; my $end = $start + draw(150) / 100; "?start=$start&end=$end" } 1 .. 20 }
    qw(both last times nokeys fewkeys runs version1 three);
push @requests, map { ("HEAD /both.mp4$_", "POST /both.mp4$_", "GET /plain/both.mp4$_", "GET /small/both.mp4$_", "GET /buffers/both.mp4$_", "GET /buffers/large.mp4$_", "GET /direct/large.mp4$_", "GET /direct/largelast.mp4$_", "GET /threads/large.mp4$_", "HEAD /large.mp4$_", "GET /page/both.mp4$_", "GET /none.mp4$_") } '', '?start=1', '?start=1&end=2', '?start=50';
push @requests, map { ["GET /both.mp4?start=1&end=2", Range => "bytes=$_"] } '0-0', '0-99', '500-', '-10', '100-2000', '99999-', '0-1,5-9', '1300-1400';
push @requests, ['GET /both.mp4?start=1', 'If-Modified-Since' => 'Sun, 13 Sep 2020 12:26:40 GMT'], ['GET /both.mp4?start=1', 'If-None-Match' => '*'], 'GET /', 'GET /both.mp4/';

# Where a track has no sample in so short a part nginx refuses it, or loses count.
sub gives_less ($nginx, $weir) {
    return 'nginx wants some of each track' if $nginx->{status} == 500 && $weir->{status} == 200;
    my @tracks = eval { Mp4::read_tracks($nginx->{body}) };
    return (grep { @{ $_->{samples} } } @tracks) ? undef : 'no samples, and data nevertheless' if $weir->{status} == 500;
    return $@ ? "what nginx sends is not sound: $@" : (grep { !@{ $_->{samples} } } @tracks) ? 'nginx sends data that belongs to none' : undef;
}
differential_ok($conf, \@requests, files => \%files, allow => { '*' => \&gives_less }, allow_log => [qr/open\(\)|is forbidden|mp4|is not found|zero size buf/]);

# What is sent, read as a player would: the samples of those times, each with its own bytes.
$movie{uniform} = { tracks => [{ %audio, size => 4 }, {%video}, { %video, size => 9 }] };
$movie{endless} = { tracks => [{%video}], endless => 1 };
$movie{zeros} = { tracks => [{%video}], change => { stbl => sub ($payload) { $payload . "\0" x 4 } } };
$files{"html/$_.mp4"} = Mp4::file(%{ $movie{$_} }) for qw(uniform endless zeros);
my $site = Site->start($conf, files => \%files);
$site->allow_log(qr/mp4/);

sub wanted ($track, $start, $end, $key) {
    my @samples = map { {%$_} } @{ $track->{samples} };
    my ($from, $to) = map { defined ? int($_ * $track->{timescale} / 1000) : undef } $start, defined $end ? $end - $start : undef;
    my $first = 0;
    $from -= $samples[$first++]{duration} while $first < @samples && $from >= $samples[$first]{duration};
    return undef if $first == @samples;
    my $hidden = 0;
    if ($key && grep { $_->{key} } @samples[0 .. $first]) {
        $hidden += $samples[--$first]{duration} while !$samples[$first]{key};
    }
    my $last = $first;
    if (defined $to) {
        $to += $hidden;
        $to -= $samples[$last++]{duration} while $last < @samples && $to >= $samples[$last]{duration};
    } else {
        $last = @samples;
    }
    return { hidden => $hidden, samples => [@samples[$first .. $last - 1]] };
}
sub summary ($wanted) { return [$wanted->{hidden}, map { [@$_{qw(bytes duration offset key)}] } @{ $wanted->{samples} }] }
for my $where ('', '/key') {
    for my $name (sort keys %movie) {
        my @original = Mp4::read_tracks($files{"html/$name.mp4"});
        my (@wrong, %seen);
        my @times = ([1000, 1000], [1000, 1001], [1000, 1020], [33, 66], [160, 170], [1666, 1700], [3310, 3320], [0, 1], [0, 100], [500, undef], [0, 99999], map { my $start = draw(3400); [$start, draw(5) ? $start + 1 + draw(draw(2) ? 60 : 1500) : undef] } 1 .. 60);
        for (@times) {
            my ($start, $end) = @$_;
            undef $end if defined $end && $end <= $start;
            my $reply = $site->get(sprintf '%s/%s.mp4?start=%.3f%s', $where, $name, $start / 1000, defined $end ? sprintf '&end=%.3f', $end / 1000 : '');
            $seen{ $reply->status }++;
            my @want = grep { defined } map { wanted($_, $start, $end, $where) } grep { $_->{duration} > int($start * $_->{timescale} / 1000) && $_->{movie_duration} > $start } @original;
            next if $reply->status == 500 && (!@want || !grep { @{ $_->{samples} } } @want);
            my @got = eval { Mp4::read_tracks($reply->body) };
            push @wrong, "$start-" . ($end // '') . ': ' . ($@ || 'other samples') if $@ || !eq_array([map { summary($_) } @want], [map { summary($_) } @got]);
        }
        is join("\n", @wrong), '', "$where/$name: the samples asked for";
        cmp_ok $seen{200} // 0, '>', 20, 'in most cases';
    }
}

# Files that are cut off or spoiled are refused, or something is sent; never more.
my $whole = $files{'html/morelast.mp4'};
my $number = 0;
my %seen;
sub try_bytes ($bytes) {
    my $name = 'spoiled' . $number++;
    $site->file("html/$name.mp4", $bytes, mtime => 1_600_000_000);
    $seen{ $site->get("/$name.mp4?start=" . draw(3) . '&end=' . draw(4))->status }++;
    $seen{ $site->get("/key/$name.mp4?start=1.5")->status }++;
    unlink $site->path("html/$name.mp4");
}
try_bytes(substr $whole, 0, draw(length $whole)) for 1 .. 60;
for (1 .. 250) {
    my $copy = $whole;
    my $index = index $copy, 'moov';
    for (1 .. 1 + draw(4)) {
        my $at = draw(4) ? $index + draw(length($copy) - $index - 8) : draw(60);
        substr($copy, $at, 1 + draw(4)) = substr pack('N', pick(0, 1, 0xffffffff, 0x7fffffff, 0x80000000, draw(100_000), draw(256))), 0, 1 + draw(4);
    }
    try_bytes($copy);
}
sub pick (@from) { return $from[draw(scalar @from)] }
is_deeply [sort keys %seen], [200, 500], 'spoiled files are refused, or sent in part';
try_bytes(Mp4::box('free', '') x 20_000 . $whole);
$site->wait_for_log(qr/mp4 file "[^"]*": it has too many boxes/);
$site->get('/small/both.mp4?start=1');
$site->wait_for_log(qr/mp4 file "[^"]*": its index is larger than mp4_max_buffer_size/);

# Clients that do not wait for it.
my @hasty = map { $site->send('GET /largelast.mp4?start=1', { rcvbuf => 4096 }) } 1 .. 20;
$_->close for @hasty[0 .. 9];
$_->read_bytes(3000) for @hasty[10 .. 19];
$_->close for @hasty[10 .. 19];
is length $site->get('/large.mp4?start=0')->body, length $files{'html/large.mp4'}, 'others are served';
$site->stop;

done_testing;
