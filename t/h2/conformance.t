# t/h2/conformance.t - what RFC 9113 and RFC 7541 say a server MUST do, section by section
use Site;
use H2;

needs_weir 'codes where nginx only closes';

use constant { NO_ERROR => 0, PROTOCOL_ERROR => 1, FLOW_CONTROL => 3, STREAM_CLOSED => 5, FRAME_SIZE => 6,
               REFUSED_STREAM => 7, CANCEL => 8, COMPRESSION => 9 };

my $site = Site->start(<<'CONF');
    http2 on;
    keepalive_timeout 30s;
    server {
        listen %PORT%;
        server_name a.example;
        root %DIR%/html;
        location /say { return 200 "$request_method $args $http_x $http_cookie"; }
        location /none { return 204; }
        location /echo { proxy_pass http://%ORIGIN%; }
    }
CONF
$site->file('html/big', 'x' x 200_000);
$site->file('html/empty', '');

my $block = H2::block(H2::request());
my $say = H2::block(H2::request(':path' => '/say'));
my $post = H2::block(H2::request(':method' => 'POST', ':path' => '/echo'));

# A connection error: GOAWAY with the code, then the end.
sub fatal ($what, $codes, @frames) {
    my $h2 = H2->open($site);
    $h2->frame(@$_) for @frames;
    my $code = $h2->goodbye;
    ok defined $code && grep({ $_ == $code } ref $codes ? @$codes : $codes), "$what: ends the connection"
        or diag $code // 'no GOAWAY';
    $h2->{client}->close;
}

# A stream error: RST_STREAM with the code on $stream, and the connection serves on.
sub resets ($what, $stream, $code, @frames) {
    my $h2 = H2->open($site);
    $h2->frame(@$_) for @frames;
    is $h2->answer($stream)->{reset}, $code, "$what: ends the stream";
    is $h2->get(99, '/say?on')->answer(99)->{status}, 200, "$what: and no other";
    $h2->{client}->close;
}

# No error at all: the request on stream 1 (or the one given) is answered.
sub answered ($what, $body, @frames) {
    my $h2 = H2->open($site);
    $h2->frame(@$_) for @frames;
    my $answer = $h2->answer(1);
    is $answer->{status}, 200, "$what: is answered";
    is $answer->{body}, $body, "$what: as it should be" if defined $body;
    $h2->{client}->close;
}

# Headers with fields of the test's own coding.
sub coded ($bytes) { return H2::block(H2::request(':path' => '/say')) . $bytes }

subtest 'RFC 9113, 3.4: the preface' => sub {
    my $h2 = H2->open($site, silent => 1);
    my $first = $h2->next_frame;
    is $first->{type}, SETTINGS, 'the first frame is SETTINGS';
    is $first->{flags} & ACK, 0, 'and no acknowledgement';
    $h2->frame(SETTINGS, 0, 0);
    ok +(grep { $_->{type} == SETTINGS && $_->{flags} & ACK } $h2->until(sub ($f) { $f->{type} == SETTINGS && $f->{flags} & ACK })),
        'those of the client are acknowledged';

    $h2 = H2->open($site, silent => 1);
    $h2->frame(PING, 0, 0, 'x' x 8);
    is $h2->goodbye, PROTOCOL_ERROR, 'a first frame other than SETTINGS';
};

subtest '4.1, 5.5: what is unknown is ignored' => sub {
    answered('a frame of an unknown type', undef, [0xbe, 0xff, 0, 'whatever'], [0xbe, 0, 3, 'x'], [HEADERS, 5, 1, $say]);
    answered('undefined flags', undef, [PING, 0xfe, 0, 'x' x 8], [HEADERS, 5 | 0xc2, 1, $say]);
    answered('the reserved bit', undef, [HEADERS, 5, 0x80000001, $say]);
    fatal('an unknown frame between HEADERS and CONTINUATION', PROTOCOL_ERROR, [HEADERS, 1, 1, $say], [0xbe, 0, 0, ''], [CONTINUATION, 4, 1, '']);
    answered('an unknown setting', undef, [SETTINGS, 0, 0, pack 'nN', 0xff, 7], [HEADERS, 5, 1, $say]);
};

subtest '4.2: sizes' => sub {
    fatal('HEADERS beyond 16384', FRAME_SIZE, [HEADERS, 5, 1, H2::block(H2::request(), x => 'y' x 16384)]);
    fatal('SETTINGS beyond 16384', FRAME_SIZE, [SETTINGS, 0, 0, pack('nN', 1, 4096) x 2731]);
    my $h2 = H2->open($site, settings => pack 'nN', 4, 1_000_000);
    $h2->frame(WINDOW_UPDATE, 0, 0, pack 'N', 1_000_000);
    my $answer = $h2->get(1, '/big')->answer(1);
    is length $answer->{body}, 200_000, 'a large answer';
    is scalar(grep { length $_->{payload} > 16384 } $answer->{frames}->@*), 0, 'in frames of at most 16384';
};

subtest '4.3: field blocks' => sub {
    fatal('PRIORITY in a field block', PROTOCOL_ERROR, [HEADERS, 1, 1, $say], [PRIORITY, 0, 1, "\0\0\0\0\1"]);
    fatal('HEADERS of another stream in a field block', PROTOCOL_ERROR, [HEADERS, 1, 1, $say], [HEADERS, 5, 3, $say]);
    fatal('CONTINUATION of another stream', PROTOCOL_ERROR, [HEADERS, 1, 1, $say], [CONTINUATION, 4, 3, '']);
    answered('a block in many pieces', 'GET a=1  ', do {
        my @bytes = unpack '(a12)*', H2::block(H2::request(':path' => '/say?a=1'));
        [HEADERS, 1, 1, shift @bytes], (map { [CONTINUATION, 0, 1, $_] } @bytes), [CONTINUATION, 4, 1, ''];
    });
};

subtest '5.1: states of a stream' => sub {
    fatal('DATA on an idle stream', [PROTOCOL_ERROR, STREAM_CLOSED], [DATA, 1, 1, 'x']);
    fatal('WINDOW_UPDATE on an idle stream', PROTOCOL_ERROR, [WINDOW_UPDATE, 0, 1, pack 'N', 5]);
    fatal('CONTINUATION on an idle stream', PROTOCOL_ERROR, [CONTINUATION, 4, 1, $say]);
    {
        my $held = $site->origin->hold('/echo/held');
        my $get = H2::block(H2::request(':path' => '/echo/held'));
        for my $case (['DATA', [DATA, 1, 1, 'x']], ['HEADERS', [HEADERS, 5, 1, $get]]) {
            my ($name, $frame) = @$case;
            my $h2 = H2->open($site);
            $h2->frame(HEADERS, 5, 1, $get);
            $h2->frame(@$frame);
            my ($end) = grep { $_->{type} == RST_STREAM || $_->{type} == GOAWAY }
                $h2->until(sub ($f) { $f->{type} == RST_STREAM || $f->{type} == GOAWAY });
            is unpack($end->{type} == GOAWAY ? 'x4N' : 'N', $end->{payload}), STREAM_CLOSED, "$name on a half-closed stream";
            $h2->{client}->close;
        }
        answered('WINDOW_UPDATE and PRIORITY on a half-closed stream', undef, [HEADERS, 5, 1, $say],
            [WINDOW_UPDATE, 0, 1, pack 'N', 5], [PRIORITY, 0, 1, "\0\0\0\0\1"]);
        $held->release;
    }
    my $h2 = H2->open($site);
    $h2->get(1, '/say?1')->answer(1);
    $h2->frame(WINDOW_UPDATE, 0, 1, pack 'N', 5);
    $h2->frame(PRIORITY, 0, 1, "\0\0\0\0\1");
    $h2->frame(RST_STREAM, 0, 1, pack 'N', CANCEL);
    $h2->frame(DATA, 1, 1, 'x')->frame(HEADERS, 5, 1, $say);
    is $h2->get(3, '/say?3')->answer(3)->{status}, 200, 'what crosses the end of a stream is ignored';
    fatal('5.1.1: a stream that was passed over', PROTOCOL_ERROR, [HEADERS, 5, 5, $say], [HEADERS, 5, 3, $say]);
};

subtest '6.1, 6.2: DATA and HEADERS' => sub {
    fatal('padding as long as DATA', PROTOCOL_ERROR, [HEADERS, 4, 1, $post], [DATA, PADDED, 1, "\6abcde"]);
    fatal('padding as long as HEADERS', PROTOCOL_ERROR, [HEADERS, 5 | PADDED, 1, "\xff" . $say]);
    answered('padded HEADERS with a priority', undef, [HEADERS, 5 | PADDED | 32, 1, "\3" . "\0\0\0\0\1" . $say . "\0\0\0"]);
    my $h2 = H2->open($site);
    $h2->frame(HEADERS, 4, 1, $post)->frame(DATA, PADDED, 1, "\2ab\0\0")->frame(DATA, PADDED | END_STREAM, 1, "\0c");
    is $h2->answer(1)->{status}, 200, 'padded DATA';
    is +($site->origin->requests)[-1]->body, 'abc', 'without its padding';
};

subtest '6.3 to 6.5: PRIORITY, RST_STREAM, SETTINGS' => sub {
    fatal('PRIORITY on stream 0', PROTOCOL_ERROR, [PRIORITY, 0, 0, "\0\0\0\0\1"]);
    {
        my $h2 = H2->open($site);
        $h2->frame(HEADERS, 4, 1, $post)->frame(PRIORITY, 0, 1, "\0\0\0");
        my ($end) = grep { $_->{type} == RST_STREAM || $_->{type} == GOAWAY }
            $h2->until(sub ($f) { $f->{type} == RST_STREAM || $f->{type} == GOAWAY });
        is unpack($end->{type} == GOAWAY ? 'x4N' : 'N', $end->{payload}), FRAME_SIZE, 'PRIORITY of a wrong size';
    }
    fatal('RST_STREAM on stream 0', PROTOCOL_ERROR, [RST_STREAM, 0, 0, pack 'N', CANCEL]);
    fatal('ENABLE_PUSH of 2', PROTOCOL_ERROR, [SETTINGS, 0, 0, pack 'nN', 2, 2]);
    fatal('frames beyond 2^24-1', PROTOCOL_ERROR, [SETTINGS, 0, 0, pack 'nN', 5, 16_777_216]);
    my $h2 = H2->open($site);
    $h2->frame(SETTINGS, 0, 0, pack('nN', 4, 100) . pack('nN', 4, 1));
    $h2->get(1, '/big');
    my @seen = $h2->until(sub ($f) { $f->{type} == DATA });
    is length $seen[-1]{payload}, 1, 'of a setting that is there twice the last counts';
    $h2->frame(SETTINGS, 0, 0, pack 'nN', 4, 3);
    @seen = $h2->until(sub ($f) { $f->{type} == DATA });
    is length $seen[-1]{payload}, 2, '6.9.2: a larger window opens those of open streams';
    $h2->frame(SETTINGS, 0, 0, pack 'nN', 4, 0)->frame(WINDOW_UPDATE, 0, 1, pack 'N', 4);
    @seen = $h2->until(sub ($f) { $f->{type} == DATA });
    is length $seen[-1]{payload}, 1, 'a smaller one makes them negative, and that is counted';
};

subtest '6.7 to 6.9: PING, GOAWAY, WINDOW_UPDATE' => sub {
    my $h2 = H2->open($site);
    $h2->frame(PING, ACK, 0, 'unasked!')->frame(PING, 0, 0, '12345678');
    my @pings = grep { $_->{type} == PING } $h2->until(sub ($f) { $f->{type} == PING });
    is $pings[0]{payload}, '12345678', 'a PING is answered with its bytes, an answer is not';
    is $pings[0]{flags}, ACK, 'as an answer';
    $h2->frame(GOAWAY, 0, 0, pack('NN', 0, NO_ERROR) . 'because');
    {
        my $h2 = H2->open($site);
        $h2->get(1, '/big')->frame(GOAWAY, 0, 0, pack 'NN', 0, NO_ERROR);
        $h2->frame(WINDOW_UPDATE, 0, $_, pack 'N', 1_000_000) for 0, 1;
        is length $h2->answer(1)->{body}, 200_000, 'a client that says goodbye gets its answer';
    }
    fatal('WINDOW_UPDATE of nothing on a stream', PROTOCOL_ERROR, [HEADERS, 4, 1, $post], [WINDOW_UPDATE, 0, 1, pack 'N', 0]); # as 5.4 allows
    resets('a stream window beyond 2^31-1', 1, FLOW_CONTROL, [HEADERS, 4, 1, $post], ([WINDOW_UPDATE, 0, 1, pack 'N', 0x7fffffff]) x 2);
    my $over = H2->open($site, settings => pack 'nN', 4, 10);
    $over->get(1, '/big');
    $over->until(sub ($f) { $f->{type} == DATA });
    $over->frame(WINDOW_UPDATE, 0, 1, pack 'N', 0x7fffffff - 5)->frame(SETTINGS, 0, 0, pack 'nN', 4, 0x7fffffff);
    is $over->goodbye, FLOW_CONTROL, '6.9.2: a setting that takes a window beyond 2^31-1';
};

subtest '6.10: CONTINUATION' => sub {
    fatal('on stream 0', PROTOCOL_ERROR, [HEADERS, 1, 1, $say], [CONTINUATION, 4, 0, '']);
    fatal('after the end of HEADERS', PROTOCOL_ERROR, [HEADERS, 4, 1, $post], [CONTINUATION, 4, 1, '']);
    fatal('after its own end', PROTOCOL_ERROR, [HEADERS, 0, 1, $post], [CONTINUATION, 4, 1, ''], [CONTINUATION, 4, 1, '']);
    fatal('after DATA', PROTOCOL_ERROR, [HEADERS, 4, 1, $post], [DATA, 0, 1, 'x'], [CONTINUATION, 4, 1, '']);
};

subtest '8.1 to 8.3: requests' => sub {
    my $trailers = sub (@fields) { ([HEADERS, 4, 1, $post], [DATA, 0, 1, 'x'], [HEADERS, 5, 1, H2::block(@fields)]) };
    answered('trailers', undef, $trailers->('x-sum' => 1));
    resets('a pseudo field in trailers', 1, PROTOCOL_ERROR, $trailers->(':method' => 'GET'));
    resets('trailers that do not end the stream', 1, PROTOCOL_ERROR, [HEADERS, 4, 1, $post], [DATA, 0, 1, 'x'],
        [HEADERS, 4, 1, H2::block('x-sum' => 1)]);
    my %wrong = (
        'an unknown pseudo field'   => [fields => [':test' => 'x']],
        'a second :method'          => [fields => [':method' => 'GET']],
        'a second :path'            => [fields => [':path' => '/']],
        'a second :scheme'          => [fields => [':scheme' => 'http']],
        'a second :authority'       => [fields => [':authority' => 'a']],
        'Keep-Alive'                => [fields => ['keep-alive' => '1']],
        'Proxy-Connection'          => [fields => ['proxy-connection' => 'close']],
        'Upgrade'                   => [fields => [upgrade => 'h2c']],
        'a name with a space'       => [fields => ['x y' => 1]],
        'an empty name'             => [fields => ['' => 1]],
        'a name with a colon'       => [fields => ['x:y' => 1]],
        'a value that begins with a space' => [fields => [x => ' y']],
        'a value that ends with a tab'     => [fields => [x => "y\t"]],
        'a value with a NUL'        => [fields => [x => "y\0z"]],
        'two lengths'               => [fields => ['content-length' => 0, 'content-length' => 1]],
        'a length that is no number' => [fields => ['content-length' => 'x']],
        'a length beyond all'       => [fields => ['content-length' => '9' x 30]],
        'a method with a space'     => [':method' => 'GE T'],
        'a path with no slash'      => [':path' => 'x'],
    );
    for my $what (sort keys %wrong) {
        my $h2 = H2->open($site);
        my $answer = $h2->headers(1, [H2::request($wrong{$what}->@*)])->answer(1);
        ok +($answer->{reset} // 0) == PROTOCOL_ERROR || ($answer->{status} // 0) == 400, "$what: refused"
            or diag join ' ', map { $_ // '-' } @$answer{qw(status reset)};
        is $h2->get(3, '/say')->answer(3)->{status}, 200, "$what: alone";
        $h2->{client}->close;
    }
    resets('DATA shorter than Content-Length', 1, PROTOCOL_ERROR,
        [HEADERS, 4, 1, H2::block(H2::request(':method' => 'POST', ':path' => '/echo', fields => ['content-length' => 9]))],
        [DATA, 0, 1, 'abc'], [DATA, 1, 1, 'def']);
    answered('TE: trailers', undef, [HEADERS, 5, 1, H2::block(H2::request(':path' => '/say', fields => [te => 'trailers']))]);
    answered('cookies are joined', 'GET   a=1; b=2; c=3',
        [HEADERS, 5, 1, H2::block(H2::request(':path' => '/say', fields => [cookie => 'a=1', cookie => 'b=2; c=3']))]);
    answered('Host in the place of :authority', undef,
        [HEADERS, 5, 1, H2::block(H2::request(':path' => '/say', ':authority' => undef, fields => [host => 'a.example']))]);
    my $h2 = H2->open($site);
    my $n = 1;
    for my $what (['a HEAD', ':method' => 'HEAD', ':path' => '/big'], ['204', ':path' => '/none'], ['an empty file', ':path' => '/empty']) {
        my ($name, @change) = @$what;
        my $answer = $h2->headers($n, [H2::request(@change)])->answer($n);
        is $answer->{body}, '', "$name: no body";
        ok defined $answer->{status}, "$name: an answer";
        $n += 2;
    }
};

subtest 'RFC 7541: compressed fields' => sub {
    my $string = sub ($s) { H2::integer(length $s, 7, 0) . $s };
    my $said = sub ($value) { "GET  $value " };
    answered('a literal that is indexed', $said->('v'), [HEADERS, 5, 1, coded("\x40" . $string->('x') . $string->('v'))]);
    answered('a literal that never is', $said->('v'), [HEADERS, 5, 1, coded("\x10" . $string->('x') . $string->('v'))]);
    my $h2 = H2->open($site);
    $h2->frame(HEADERS, 5, 1, coded("\x40" . $string->('x') . $string->('kept')))->answer(1);
    is $h2->frame(HEADERS, 5, 3, coded("\xbe"))->answer(3)->{body}, $said->('kept'), '2.3.3: the dynamic table is kept';
    is $h2->frame(HEADERS, 5, 5, coded("\x7e" . $string->('new')))->answer(5)->{body}, $said->('new'), 'a name from it';
    is $h2->frame(HEADERS, 5, 7, "\x20" . coded("\x40" . $string->('x') . $string->('y')))->answer(7)->{body}, $said->('y'),
        '4.2: a table that is made empty';
    $h2->frame(HEADERS, 5, 9, coded("\xbe"));
    is $h2->goodbye, COMPRESSION, 'has nothing to be referred to';
    answered('5.2: Huffman', $said->('www.example.com'),
        [HEADERS, 5, 1, coded("\0" . $string->('x') . "\x8c" . pack 'H*', 'f1e3c2e5f23a6ba0ab90f4ff')]);
    my %wrong = (
        '6.1: index 0'                 => "\x80",
        '2.3.3: an index beyond both tables' => H2::integer(70, 7, 0x80),
        '2.3.3: a name beyond both tables'   => H2::integer(70, 6, 0x40) . $string->('v'),
        '5.1: an integer without end'  => "\xff" . "\xff" x 20,
        '5.2: padding of more than 7 bits' => "\0" . $string->('x') . "\x82\x1f\xff",
        '5.2: padding that is not of ones' => "\0" . $string->('x') . "\x81\x18",
        '5.2: the end-of-string symbol' => "\0" . $string->('x') . "\x84\xff\xff\xff\xff",
        '5.2: a string beyond the block' => "\0" . $string->('x') . "\x7fab",
        '6.3: a table larger than allowed' => undef,
        '4.2: a change of size behind fields' => "\x20",
    );
    for my $what (sort keys %wrong) {
        my $bytes = defined $wrong{$what} ? coded($wrong{$what}) : "\x3f\xe1\xff\x03" . coded('');
        fatal($what, COMPRESSION, [HEADERS, 5, 1, $bytes]);
    }
};

$site->stop;
done_testing;
