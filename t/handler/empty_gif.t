# t/handler/empty_gif.t - a picture of one pixel, the same as nginx's
use Site;
use Differential;

differential_ok(<<'CONF', [map({ "$_ /x.gif" } qw(GET HEAD POST PUT)), 'GET /deep/er',
    server { listen %PORT%; location / { empty_gif; } }
CONF
    ['GET /x.gif', 'If-Modified-Since' => 'Mon, 28 Sep 1970 06:00:00 GMT']]);

done_testing;
