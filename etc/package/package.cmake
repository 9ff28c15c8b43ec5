# etc/package/package.cmake - what gets installed where, and how it becomes a .deb or an .rpm.
#
#     cmake --preset release -DCMAKE_INSTALL_PREFIX=/usr && cmake --build build/release
#     cpack --preset deb      (or rpm)

set(package_dir ${CMAKE_SOURCE_DIR}/etc/package)

install(TARGETS weir RUNTIME DESTINATION sbin)
install(FILES etc/weir.conf etc/mime.types etc/fastcgi.conf etc/fastcgi_params etc/proxy_params
    etc/scgi_params etc/uwsgi_params etc/koi-utf etc/koi-win etc/win-utf
    DESTINATION /etc/weir)
install(DIRECTORY DESTINATION /etc/weir/conf.d)
install(FILES etc/package/logrotate DESTINATION /etc/logrotate.d RENAME weir)
install(FILES etc/weir.service DESTINATION lib/systemd/system)
install(FILES etc/package/index.html DESTINATION share/weir/html)
install(FILES etc/doc/weir.8 DESTINATION share/man/man8)
install(FILES README COPYING etc/doc/reference.md etc/doc/origins.md
    etc/doc/tls.md DESTINATION share/doc/weir)

set(CPACK_PACKAGE_NAME weir)
set(CPACK_PACKAGE_VENDOR Weir)
set(CPACK_PACKAGE_CONTACT "The Weir developers <weir@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "web server and reverse proxy that reads nginx configurations")
set(CPACK_PACKAGE_DESCRIPTION "Weir serves files and passes requests to applications. It takes the
configuration, the command line, the signals and the log formats of nginx.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_BINARY_DIR}/package)
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION httpd)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS passwd)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${package_dir}/conffiles ${package_dir}/postinst
    ${package_dir}/prerm ${package_dir}/postrm)

set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_PACKAGE_LICENSE BSD-2-Clause)
set(CPACK_RPM_PACKAGE_DESCRIPTION "${CPACK_PACKAGE_DESCRIPTION}")
set(CPACK_RPM_PACKAGE_REQUIRES_POST shadow-utils)
set(CPACK_RPM_POST_INSTALL_SCRIPT_FILE ${package_dir}/postinst)
set(CPACK_RPM_PRE_UNINSTALL_SCRIPT_FILE ${package_dir}/prerm)
set(CPACK_RPM_USER_FILELIST "%config(noreplace) /etc/weir/weir.conf"
    "%config(noreplace) /etc/weir/mime.types" "%config(noreplace) /etc/weir/fastcgi.conf"
    "%config(noreplace) /etc/weir/fastcgi_params" "%config(noreplace) /etc/weir/proxy_params"
    "%config(noreplace) /etc/weir/scgi_params" "%config(noreplace) /etc/weir/uwsgi_params"
    "%config(noreplace) /etc/weir/koi-utf" "%config(noreplace) /etc/weir/koi-win"
    "%config(noreplace) /etc/weir/win-utf" "%config(noreplace) /etc/logrotate.d/weir")
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION /etc/logrotate.d /usr/lib/systemd
    /usr/lib/systemd/system /usr/share/man /usr/share/man/man8 /usr/share/doc)

include(CPack)
