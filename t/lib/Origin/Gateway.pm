# t/lib/Origin/Gateway.pm - FastCGI, SCGI, uwsgi and memcached as Origin::Server speaks them
#
# head: takes a request from the front of a connection's bytes (undef: not all of it is there);
# its fields are the parameters, its method and URI those that the parameters name.
# body: takes what is there of the body. out, err, end_of: how an answer is framed.
package Origin::Gateway;
use v5.36;

use constant { FCGI_BEGIN => 1, FCGI_END => 3, FCGI_PARAMS => 4, FCGI_STDIN => 5, FCGI_STDOUT => 6, FCGI_STDERR => 7 };

# FastCGI ------------------------------------------------------------------------------------------

# A record; id => N, version => N, padding => N bytes, length => as claimed.
sub record ($type, $content, %option) {
    my $padding = $option{padding} // 0;

    return pack('CCnnCx', $option{version} // 1, $type, $option{id} // 1,
                $option{length} // length $content, $padding) . $content . 'P' x $padding;
}

sub records ($type, $content, $most = 65535, %option) {
    return join '', map { record($type, substr($content, $_ * $most, $most), %option) }
        0 .. int((length($content) + $most - 1) / $most) - 1;
}

sub end_record ($status = 0, $protocol = 0, %option) {
    return record(FCGI_END, pack('NCx3', $status, $protocol), %option);
}

# (type, id, content) from the front, or ()
sub next_record ($conn) {
    return if length $conn->{in} < 8;
    my (undef, $type, $id, $length, $padding) = unpack 'CCnnC', $conn->{in};
    return if length $conn->{in} < 8 + $length + $padding;
    my $content = substr substr($conn->{in}, 0, 8 + $length + $padding, ''), 8, $length;
    return ($type, $id, $content);
}

sub pair_length ($text) {
    my $length = unpack 'C', $$text;

    return $length if $length < 128 && defined substr $$text, 0, 1, '';
    return unpack('N', substr $$text, 0, 4, '') & 0x7fffffff;
}

sub pairs ($text) {
    my @pairs;

    while (length $text) {
        my ($name, $value) = (pair_length(\$text), pair_length(\$text));
        push @pairs, [substr($text, 0, $name, ''), substr($text, 0, $value, '')];
    }
    return @pairs;
}

sub fastcgi_head ($conn) {
    while (my ($type, undef, $content) = next_record($conn)) {
        if ($type == FCGI_BEGIN) {
            $conn->{stays} = unpack('xxC', $content) & 1;
        } elsif ($type == FCGI_PARAMS && length $content) {
            $conn->{params} .= $content;
        } elsif ($type == FCGI_PARAMS) {
            my $raw = delete $conn->{params} // '';
            return ($raw, pairs($raw));
        }
    }
    return;
}

sub fastcgi_body ($conn, $request) {
    while (my ($type, undef, $content) = next_record($conn)) {
        next if $type != FCGI_STDIN;
        push @{ $request->{chunks} }, length $content;
        return $request->{complete} = 1 if $content eq '';
        $request->{body} .= $content;
    }
    return 0;
}

# SCGI, uwsgi ----------------------------------------------------------------------------------------

sub scgi_head ($conn) {
    my ($length) = $conn->{in} =~ /\A(\d+):/ or return;
    my $head = $+[0];
    return if length $conn->{in} < $head + $length + 1;
    my $raw = substr $conn->{in}, 0, $head + $length + 1, '';
    my @texts = split /\0/, substr($raw, $head, $length), -1;
    my @pairs;
    while (@texts > 1) { push @pairs, [splice @texts, 0, 2] }
    return ($raw, @pairs);
}

sub uwsgi_head ($conn) {
    return if length $conn->{in} < 4;
    my ($modifier1, $length, $modifier2) = unpack 'CvC', $conn->{in};
    return if length $conn->{in} < 4 + $length;
    my $raw  = substr $conn->{in}, 0, 4 + $length, '';
    my $text = substr $raw, 4;
    my @pairs;
    while (length $text > 3 && $modifier1 != 5) {
        my ($name) = unpack 'v/a', $text;
        substr $text, 0, 2 + length $name, '';
        my ($value) = unpack 'v/a', $text;
        substr $text, 0, 2 + length $value, '';
        push @pairs, [$name, $value];
    }
    return ($raw, ['modifiers', "$modifier1 $modifier2"], (length $text ? ['text', $text] : ()), @pairs);
}

sub memcached_head ($conn) {
    $conn->{in} =~ s/\A(get ([^\r\n]*)\r\n)// or return;
    $conn->{stays} = 1;
    return ($1, [REQUEST_METHOD => 'get'], [REQUEST_URI => $2]);
}

# All --------------------------------------------------------------------------------------------------

sub head ($protocol, $conn) {
    my $take = __PACKAGE__->can("${protocol}_head");

    $conn->{stays} = 0;
    my ($raw, @pairs) = $take->($conn) or return;
    my %of = map { @$_ } @pairs;
    my $length = $protocol eq 'memcached' ? 0 : $of{CONTENT_LENGTH} || 0;
    $conn->{left} = $protocol eq 'fastcgi' ? undef : $length;
    return { method => $of{REQUEST_METHOD} // '', uri => $of{REQUEST_URI} // $of{SCRIPT_NAME} // '',
             version => '', raw => $raw, fields => \@pairs, body => '', trailers => [], chunked => 0,
             complete => defined $conn->{left} && $conn->{left} == 0 ? 1 : 0, aborted => 0 };
}

sub out ($protocol, $bytes, %option) {
    return $bytes if $protocol ne 'fastcgi';
    return records(FCGI_STDOUT, $bytes, $option{most} // 65535, padding => $option{padding} // 0);
}

sub end_of ($protocol) { return $protocol eq 'fastcgi' ? end_record() : '' }

# keys as Origin::answer has them; most => bytes of a record, padding, stderr => text
sub render ($protocol, $answer, $request) {
    return render_memcached($answer, $request) if $protocol eq 'memcached';
    my $body   = $answer->{body} // ($answer->{fill} ? '' : "$request->{method} $request->{uri}\n");
    my @fields = @{ $answer->{headers} // [] };
    my $head   = defined $answer->{status} ? "Status: $answer->{status}\r\n" : '';

    $head = $answer->{line} if defined $answer->{line};
    unshift @fields, 'Content-Type' => 'text/plain' unless grep { lc $_ eq 'content-type' } @fields;
    push @fields, 'Content-Length' => $answer->{length} if defined $answer->{length};
    while (my ($name, $value) = splice @fields, 0, 2) { $head .= "$name: $value\r\n" }
    $body = '' if $request->{method} eq 'HEAD' && !$answer->{body_to_head};
    my $bytes = out($protocol, "$head\r\n$body", %$answer);
    $bytes = records(FCGI_STDERR, $answer->{stderr}) . $bytes if defined $answer->{stderr};
    return $bytes if $answer->{fill};
    return $bytes . ($answer->{no_end} ? '' : end_of($protocol));
}

sub render_memcached ($answer, $request) {
    return "END\r\n" if $answer->{miss};
    my $body   = $answer->{body} // "$request->{method} $request->{uri}\n";
    my $length = $answer->{length} // length $body;
    return sprintf "VALUE %s %d %d\r\n%s\r\nEND\r\n", $answer->{key} // $request->{uri},
        $answer->{flags} // 0, $length, $body;
}

1;
