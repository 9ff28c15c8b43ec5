# t/lib/Ports.pm - TCP ports that no other test of this machine uses
#
# Tests run in parallel. Each process locks a block of ports (flock on a file, held until the process
# ends, however it ends) below the kernel's ephemeral range, so neither another test nor an outgoing
# connection can take one. A port is handed out only if it can be bound now.
package Ports;
use v5.36;
use Carp qw(croak);
use Fcntl qw(:flock O_CREAT O_RDWR);
use Socket;

use constant { FIRST => 10240, LAST => 32000, BLOCK => 16 };

my @locks;        # open lock files: the lock lives as long as its handle
my @free;

sub lock_dir {
    my $dir = ($ENV{TMPDIR} || '/tmp') . "/weir-ports.$<";
    mkdir $dir, 0700;
    croak "$dir is not a directory of ours" unless -d $dir && -o _;
    return $dir;
}

sub take_block {
    my $dir    = lock_dir();
    my $blocks = int((LAST - FIRST) / BLOCK);
    my $start  = $$ * 7 % $blocks;

    for my $i (0 .. $blocks - 1) {
        my $block = ($start + $i) % $blocks;
        sysopen my $file, "$dir/$block", O_CREAT | O_RDWR, 0600 or croak "$dir/$block: $!";
        next unless flock $file, LOCK_EX | LOCK_NB;
        push @locks, $file;
        my $first = FIRST + $block * BLOCK;
        push @free, $first .. $first + BLOCK - 1;
        return;
    }
    croak 'no free block of ports';
}

sub can_bind ($port) {
    socket my $probe, PF_INET, SOCK_STREAM, 0 or croak "socket: $!";
    setsockopt $probe, SOL_SOCKET, SO_REUSEADDR, 1;
    my $free = bind $probe, pack_sockaddr_in($port, INADDR_ANY);
    close $probe;
    return $free;
}

# A port that nobody listens on, ours until this process ends.
sub take {
    for (1 .. 10 * BLOCK) {
        take_block() unless @free;
        my $port = shift @free;
        return $port if can_bind($port);
    }
    croak 'every port tried is in use';
}

1;
