# t/lib/Reply.pm - one HTTP response, and the parser that makes it from bytes
#
# The parser is strict about what a server may send: a malformed status line, header or chunk dies,
# so that a test cannot pass on a broken answer. A response that ends early is returned with
# complete() false: many tests want to see just that.
package Reply;
use v5.36;
use Carp qw(croak);

sub status   ($self) { return $self->{status} }
sub reason   ($self) { return $self->{reason} }
sub version  ($self) { return $self->{version} }
sub body     ($self) { return $self->{body} }
sub head     ($self) { return $self->{head} }          # the raw bytes, blank line included
sub complete ($self) { return $self->{complete} }      # false: cut off before its framing said so
sub interim  ($self) { return @{ $self->{interim} } }  # 1xx responses that came before
sub trailers ($self) { return @{ $self->{trailers} } } # [name, value] ...
sub chunks   ($self) { return @{ $self->{chunks} } }   # sizes, when it was chunked
sub framing  ($self) { return $self->{framing} }       # none, length, chunked, close

# All fields in order: [name, value] ...
sub fields ($self) { return @{ $self->{fields} } }

# The values of one field, in order.
sub headers ($self, $name) {
    return map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{fields} };
}

# The value of a field, several joined with ", "; undef when absent.
sub header ($self, $name) {
    my @values = $self->headers($name);
    return @values ? join(', ', @values) : undef;
}

sub trailer ($self, $name) {
    my @values = map { $_->[1] } grep { lc $_->[0] eq lc $name } @{ $self->{trailers} };
    return @values ? join(', ', @values) : undef;
}

# Does the message leave the connection usable, as far as it says itself?
sub keeps_alive ($self) {
    my $connection = lc($self->header('Connection') // '');
    return 0 if $self->{framing} eq 'close' || $connection =~ /\bclose\b/;
    return $self->{version} eq '1.1' || $connection =~ /\bkeep-alive\b/ ? 1 : 0;
}

# Reads one final response. MORE is called with no arguments to get more bytes: undef at the end of the
# stream. BUFFER is a reference to what was read before; what follows the response stays there.
# Returns undef when the stream ended before the first byte.
sub parse ($class, $buffer, $more, $method = 'GET') {
    my @interim;

    while (1) {
        my $self = $class->parse_head($buffer, $more) // return;
        $self->{interim} = [@interim];
        return $self if $self->{version} eq '0.9';
        if ($self->{complete} && $self->{status} < 200 && $self->{status} != 101) {
            push @interim, $self;
            next;
        }
        $self->parse_body($buffer, $more, $method) if $self->{complete};
        return $self;
    }
}

sub until_end ($buffer, $more) {
    while (defined(my $bytes = $more->())) { $$buffer .= $bytes }
    my $all = $$buffer;
    $$buffer = '';
    return $all;
}

sub parse_head ($class, $buffer, $more) {
    my %self = (fields => [], interim => [], trailers => [], chunks => [], body => '',
                framing => 'none', complete => 1);

    while ($$buffer !~ /\r\n\r\n/) {
        if (length $$buffer && substr("HTTP/1.", 0, length $$buffer) ne substr($$buffer, 0, 7)) {
            @self{qw(version status reason body framing)} =
                ('0.9', undef, '', until_end($buffer, $more), 'close');
            return bless \%self, $class;
        }
        my $bytes = $more->();
        if (!defined $bytes) {
            return if $$buffer eq '';
            @self{qw(head complete version reason)} = ($$buffer, 0, '1.1', '');
            $$buffer = '';
            return bless \%self, $class;
        }
        $$buffer .= $bytes;
    }
    $$buffer =~ s/\A(.*?\r\n)\r\n//s;
    my $head = $1;
    $self{head} = "$head\r\n";
    $head =~ s/\AHTTP\/(1\.[01]) ([1-5]\d\d) ?([^\r\n]*)\r\n// or croak "bad status line: $head";
    @self{qw(version status reason)} = ($1, $2, $3);
    $self{fields} = [parse_fields($head)];
    return bless \%self, $class;
}

sub parse_fields ($text) {
    my @fields;
    for my $line (split /\r\n/, $text) {
        $line =~ /\A([!#\$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*\z/
            or croak "bad header line: $line";
        push @fields, [$1, $2];
    }
    return @fields;
}

sub parse_body ($self, $buffer, $more, $method) {
    my @lengths = $self->headers('Content-Length');
    my $coding  = $self->header('Transfer-Encoding');

    croak 'both Content-Length and Transfer-Encoding' if @lengths && defined $coding;
    croak "several Content-Length: @lengths" if @lengths > 1;
    croak "bad Content-Length: @lengths" if @lengths && $lengths[0] !~ /\A\d+\z/;
    return if $method eq 'HEAD' || $self->{status} =~ /\A(?:1..|204|304)\z/;
    return $self->parse_chunks($buffer, $more) if defined $coding && lc $coding eq 'chunked';
    croak "unknown Transfer-Encoding: $coding" if defined $coding;
    if (!@lengths) {
        $self->{framing} = 'close';
        $self->{body}    = until_end($buffer, $more);
        return;
    }
    $self->{framing} = 'length';
    my $body = take($buffer, $more, $lengths[0]);
    $self->{body}     = $body // until_end($buffer, $more);
    $self->{complete} = defined $body ? 1 : 0;
}

# Exactly N bytes, or undef when the stream ends before.
sub take ($buffer, $more, $n) {
    while (length $$buffer < $n) {
        my $bytes = $more->() // return;
        $$buffer .= $bytes;
    }
    return substr $$buffer, 0, $n, '';
}

sub take_line ($buffer, $more) {
    while ((my $end = index $$buffer, "\r\n") < 0) {
        my $bytes = $more->() // return;
        $$buffer .= $bytes;
    }
    $$buffer =~ s/\A(.*?)\r\n//s;
    return $1;
}

sub parse_chunks ($self, $buffer, $more) {
    @$self{qw(framing complete)} = ('chunked', 0);
    while (1) {
        my $line = take_line($buffer, $more) // return;
        $line =~ /\A([0-9a-fA-F]+)(?:;.*)?\z/ or croak "bad chunk size: $line";
        my $size = hex $1;
        push @{ $self->{chunks} }, $size;
        last if $size == 0;
        my $data = take($buffer, $more, $size + 2);
        if (!defined $data) {
            $self->{body} .= $$buffer;
            $$buffer = '';
            return;
        }
        croak 'chunk without CRLF at its end' unless substr($data, -2, 2, '') eq "\r\n";
        $self->{body} .= $data;
    }
    while (1) {
        my $line = take_line($buffer, $more) // return;
        last if $line eq '';
        push @{ $self->{trailers} }, parse_fields($line);
    }
    $self->{complete} = 1;
}

1;
