# t/lib/Strace.pm - the system calls that a process makes, for tests of what a request may cost
#
#     my $trace = Strace->attach($site->workers, 'network,file');   # undef where strace cannot be used
#     $site->get('/a');
#     is $trace->stop->count('openat'), 0, 'no file was opened';
package Strace;
use v5.36;
use Carp qw(croak);
use File::Temp;
use Procs;
use Wait qw(wait_until);

# WHAT as strace -e trace= takes it.
sub attach ($class, $pid, $what) {
    return unless grep { -x "$_/strace" } split /:/, $ENV{PATH};
    my $self = bless { traced => $pid, out => File::Temp->new, err => File::Temp->new }, $class;

    $self->{pid} = fork // croak "fork: $!";
    if ($self->{pid} == 0) {
        Procs::die_with_parent();
        open STDERR, '>&', $self->{err};
        exec 'strace', '-f', '-v', '-s', 64, '-e', "trace=$what", '-o', "$self->{out}", '-p', $pid
            or POSIX::_exit(127);
    }
    my $attached = wait_until {
        my $says = Procs::slurp("$self->{err}");
        return -1 if $says =~ /strace: attach|not permitted/;
        $says =~ /Process $pid attached/;      # said when all threads are
    } 'strace to attach';
    return $self if $attached > 0;
    waitpid $self->{pid}, 0;
    return;
}

# Detaches; from now on the calls can be asked for.
sub stop ($self) {
    kill INT => $self->{pid};
    waitpid $self->{pid}, 0;
    $self->{calls} = [];
    my %begun;
    for my $line (split /\n/, Procs::slurp("$self->{out}")) {
        my ($tid, $text) = $line =~ /\A(\d+)\s+(.*)\z/ or next;
        if ($text =~ s/ <unfinished \.\.\.>\z//) {
            $begun{$tid} = $text;
            next;
        }
        $text = delete($begun{$tid}) . $text if $text =~ s/\A<\.\.\. \w+ resumed>//;
        my ($name) = $text =~ /\A(\w+)\(/ or next;
        push @{ $self->{calls} }, { tid => $tid, name => $name, text => $text };
    }
    return $self;
}

# Those of a name (a pattern), perhaps with a text; by the first thread only, by others only.
sub calls ($self, $name, $text = qr/./) {
    return grep { $_->{name} =~ /\A(?:$name)\z/ && $_->{text} =~ $text } @{ $self->{calls} };
}
sub count      ($self, @what) { return scalar(my @found = $self->calls(@what)) }
sub in_loop    ($self, @what) { return scalar(grep { $_->{tid} == $self->{traced} } $self->calls(@what)) }
sub in_threads ($self, @what) { return scalar(grep { $_->{tid} != $self->{traced} } $self->calls(@what)) }

sub DESTROY ($self) {
    kill INT => $self->{pid} if $self->{pid} && !$self->{calls};
}

1;
