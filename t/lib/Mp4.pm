# t/lib/Mp4.pm - small MP4 files with tables as a test wants them
#
#     my $bytes = Mp4::file(tracks => [{ timescale => 600, times => [[30, 20], [10, 40]], runs => [[1, 4], [3, 2]],
#                                        keys => [1, 11, 21], offsets => [[40, 5]], chunk_gap => 3, wide => 1 }],
#                           index => 'last', box64 => 1, more => 1);
#
# times: [count, duration]; runs: [first chunk, samples]; sizes are made up and differ, scale => N: N times as
# large, size => N: all are N. Each
# byte of the media data tells its place. An option that is a code reference changes a finished box of that name:
# change => { stco => sub ($payload) { ... } }.
package Mp4;
use v5.36;

sub box ($name, @content) {
    my $payload = join '', @content;
    return pack('N a4', 8 + length $payload, $name) . $payload;
}

sub made ($option, $name, @content) {
    my $payload = join '', @content;
    my $change = $option->{change}{$name};
    $payload = $change->($payload) if $change;
    return defined $payload ? box($name, $payload) : '';
}

sub samples ($track) {
    my $n = 0;
    $n += $_->[0] for @{ $track->{times} };
    return $n;
}

sub duration ($track) {
    my $ticks = 0;
    $ticks += $_->[0] * $_->[1] for @{ $track->{times} };
    return $ticks;
}

sub sizes ($track) {
    return map { $track->{size} // ($track->{scale} // 1) * (5 + $_ * 7 % 23) } 1 .. samples($track);
}

# How many samples each chunk has.
sub chunks ($track) {
    my @runs = @{ $track->{runs} };
    my $left = samples($track);
    my @chunks;
    while ($left > 0) {
        shift @runs if @runs > 1 && $runs[1][0] <= @chunks + 1;
        my $n = $runs[0][1] < $left ? $runs[0][1] : $left;
        push @chunks, $n;
        $left -= $n;
    }
    return @chunks;
}

# [where each chunk lies in the media data], per track: chunks of all tracks take turns.
sub layout (@tracks) {
    my @left = map { { sizes => [sizes($_)], chunks => [chunks($_)], gap => $_->{chunk_gap} // 0, places => [] } } @tracks;
    my $at = 0;
    while (my @some = grep { @{ $_->{chunks} } } @left) {
        for my $track (@some) {
            push @{ $track->{places} }, $at;
            $at += $_ for splice @{ $track->{sizes} }, 0, shift @{ $track->{chunks} };
            $at += $track->{gap};
        }
    }
    return ($at, map { $_->{places} } @left);
}

sub table ($version, @entries) { return pack('N N', $version << 24, scalar @entries) . join '', @entries }

sub track ($option, $n, $track, $places, $base) {
    my $wide = $option->{version1};
    my $movie = int(duration($track) * 1000 / $track->{timescale});
    my @sizes = sizes($track);
    my $last_run = -1;
    my $stbl = made($option, 'stsd', table(0, box('none', "\0" x 8)))
        . made($option, 'stts', table(0, map { pack 'N N', @$_ } @{ $track->{times} }))
        . ($track->{keys} ? made($option, 'stss', table(0, map { pack 'N', $_ } @{ $track->{keys} })) : '')
        . ($track->{offsets} ? made($option, 'ctts', table($track->{signed} ? 1 : 0, map { pack 'N l>', @$_ } @{ $track->{offsets} })) : '')
        . made($option, 'stsc', table(0, map { pack 'N N N', @$_, 1 } @{ $track->{runs} }))
        . made($option, 'stsz', $track->{size} ? pack('N N N', 0, $track->{size}, scalar @sizes) : pack('N N N N*', 0, 0, scalar @sizes, @sizes))
        . ($track->{wide} ? made($option, 'co64', table(0, map { pack 'Q>', $_ + $base } @$places))
                          : made($option, 'stco', table(0, map { pack 'N', $_ + $base } @$places)))
        . ($option->{more} ? box('sdtp', "\0" x (4 + @sizes)) : '');
    my $mdhd = $wide ? pack('N Q> Q> N Q> N', 1 << 24, 1, 2, $track->{timescale}, duration($track), 0)
                     : pack('N N N N N N', 0, 1, 2, $track->{timescale}, duration($track), 0);
    my $tkhd = $wide ? pack('N Q> Q> N N Q>', (1 << 24) + 3, 1, 2, $n, 0, $movie) : pack('N N N N N N', 3, 1, 2, $n, 0, $movie);
    return made($option, 'trak',
        made($option, 'tkhd', $tkhd . "\1" x 60),
        $option->{more} ? box('edts', box('elst', "\0" x 20)) : '',
        box('mdia', made($option, 'mdhd', $mdhd), box('hdlr', "\0" x 25),
            box('minf', $track->{keys} ? box('vmhd', "\0" x 12) : box('smhd', "\0" x 8), box('dinf', "\0" x 28), box('stbl', $stbl))));
}

sub index_box ($option, $base, @places) {
    my @tracks = @{ $option->{tracks} };
    my ($movie) = sort { $b <=> $a } map { int(duration($_) * 1000 / $_->{timescale}) } @tracks;
    my $mvhd = $option->{version1} ? pack('N Q> Q> N Q>', 1 << 24, 1, 2, 1000, $movie) : pack('N N N N N', 0, 1, 2, 1000, $movie);
    return made($option, 'moov',
        made($option, 'mvhd', $mvhd . "\2" x 80),
        $option->{more} ? box('iods', 'x' x 10) : '',
        (map { track($option, $_ + 1, $tracks[$_], $places[$_], $base) } 0 .. $#tracks),
        $option->{more} ? box('udta', 'y' x 100) : '');
}

sub file (%option) {
    my ($bytes, @places) = layout(@{ $option{tracks} });
    my $data = join '', map { pack 'N', $_ } 0 .. $bytes / 4;
    $data = substr $data, 0, $bytes;
    my $ftyp = $option{no_ftyp} ? '' : box('ftyp', 'isom', "\0\0\2\0", 'isommp41');
    my $free = $option{more} ? box('free', 'z' x 50) : '';
    my $header = $option{box64} ? pack('N a4 Q>', 1, 'mdat', 16 + $bytes) : pack('N a4', 8 + $bytes, 'mdat');
    $header = pack 'N a4', 0, 'mdat' if $option{endless};
    if (($option{index} // 'first') eq 'last') {
        my $base = length($ftyp . $free . $header);
        return $ftyp . $free . $header . $data . index_box(\%option, $base, @places);
    }
    my $size = length index_box(\%option, 0, @places);
    my $base = length($ftyp) + $size + length($free . $header);
    return $ftyp . index_box(\%option, $base, @places) . $free . $header . $data;
}

# Reading ---------------------------------------------------------------------------------------------

# (name => payload ...) of the boxes in it
sub boxes ($bytes) {
    my @boxes;
    while (length $bytes >= 8) {
        my ($size, $name) = unpack 'N a4', $bytes;
        my $header = 8;
        ($size, $header) = (unpack('x8 Q>', $bytes), 16) if $size == 1;
        $size = length $bytes if $size == 0;
        die "$name has a size of $size, there are " . length $bytes if $size < $header || $size > length $bytes;
        push @boxes, $name, substr $bytes, $header, $size - $header;
        $bytes = substr $bytes, $size;
    }
    die 'bytes are left over' if length $bytes;
    return @boxes;
}

sub inner ($bytes, @path) {
    for my $name (@path) {
        my %boxes = boxes($bytes);
        return undef if !defined $boxes{$name};
        $bytes = $boxes{$name};
    }
    return $bytes;
}

sub entries ($payload, $format, $skip = 4) {
    return () if !defined $payload;
    my ($n, @all) = unpack "x$skip N ($format)*", $payload;
    my $each = () = $format =~ /[A-Za-z]/g;
    die "$n entries said, " . @all / $each . ' there' if $n * $each != @all;
    return map { [splice @all, 0, $each] } 1 .. $n;
}

# Per track { timescale, samples => [{ bytes, duration, offset, key }, ...], duration, movie_duration, hidden }
sub read_tracks ($file) {
    my %top = boxes($file);
    my @moov = boxes($top{moov});
    my @tracks;
    while (my ($name, $trak) = splice @moov, 0, 2) {
        push @tracks, read_track($file, $trak) if $name eq 'trak';
    }
    return @tracks;
}

sub read_track ($file, $trak) {
    my %stbl = boxes(inner($trak, qw(mdia minf stbl)));
    my ($mdhd, $tkhd, $elst) = (inner($trak, qw(mdia mdhd)), inner($trak, 'tkhd'), inner($trak, qw(edts elst)));
    my %track = (wide => defined $stbl{co64});
    @track{qw(timescale duration)} = unpack ord $mdhd ? 'x20 N Q>' : 'x12 N N', $mdhd;
    ($track{movie_duration}) = unpack ord $tkhd ? 'x28 Q>' : 'x20 N', $tkhd;
    $track{hidden} = defined $elst && ord $elst ? unpack 'x16 Q>', $elst : 0;
    my ($all, $count) = unpack 'x4 N N', $stbl{stsz};
    my @sizes = $all ? ($all) x $count : map { $_->[0] } entries($stbl{stsz}, 'N', 8);
    my @chunks = map { $_->[0] } $track{wide} ? entries($stbl{co64}, 'Q>') : entries($stbl{stco}, 'N');
    my @runs = entries($stbl{stsc}, 'N N N');
    my @samples;
    for my $n (1 .. @chunks) {
        shift @runs if @runs > 1 && $runs[1][0] <= $n;
        my $at = $chunks[$n - 1];
        for (1 .. $runs[0][1]) {
            last if !@sizes;
            my $size = shift @sizes;
            die "a sample at $at, the file has " . length $file if $at + $size > length $file;
            push @samples, { bytes => substr($file, $at, $size), offset => 0, key => 0 };
            $at += $size;
        }
    }
    die @sizes . ' sizes are left over' if @sizes;
    my $n = 0;
    for my $run (entries($stbl{stts}, 'N N')) { $samples[$n++]{duration} = $run->[1] for 1 .. $run->[0] }
    die "durations for $n, samples are " . @samples if $n != @samples;
    $n = 0;
    for my $run (entries($stbl{ctts}, 'N l>')) { $samples[$n++]{offset} = $run->[1] for 1 .. $run->[0] }
    die "offsets for $n, samples are " . @samples if $n != @samples && $n;
    $samples[$_->[0] - 1]{key} = 1 for entries($stbl{stss}, 'N');
    return { %track, samples => \@samples, has_keys => defined $stbl{stss} };
}

1;
