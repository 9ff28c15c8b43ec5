# t/lib/Wait.pm - waiting for a fact instead of sleeping
#
# A test that sleeps is slow on a fast machine and wrong on a slow one. Here a block is asked again
# at short intervals until it is true; the limit is generous, for it is met only when something is
# broken. WEIR_PATIENCE (seconds, default 30) raises it on very slow machines.
package Wait;
use v5.36;
use Carp qw(croak);
use Time::HiRes qw(time);
use Exporter 'import';

our @EXPORT_OK = qw(wait_until wait_while patience);

sub patience { return $ENV{WEIR_PATIENCE} || 30 }

# The block's true value; dies with WHAT when the limit passes.
sub wait_until : prototype(&$) ($block, $what) {
    my $deadline = time + patience();
    my $pause    = 0.001;

    while (1) {
        my $value = $block->();
        return $value if $value;
        croak "waited " . patience() . " s for: $what" if time > $deadline;
        select undef, undef, undef, $pause;
        $pause *= 1.5 if $pause < 0.02;
    }
}

# For "this must not happen": true when the block stays true for SECONDS. The only helper that
# costs its time when all is well, so keep it for what no fact can show.
sub wait_while : prototype(&$) ($block, $seconds) {
    my $deadline = time + $seconds;

    while (time < $deadline) {
        return 0 unless $block->();
        select undef, undef, undef, 0.01;
    }
    return 1;
}

1;
