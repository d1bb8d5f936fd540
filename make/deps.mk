# What the build and the tests need, installed when missing (Debian 12 package names).
DEPS_BUILD := gcc make pkg-config libevent-dev libzmq3-dev libmsgpack-dev libcivetweb-dev libssl-dev \
  libjansson-dev zlib1g-dev libbrotli-dev libzstd-dev node-llhttp python3-dev python3-gevent \
  python3-greenlet python3-requests python3-msgpack python3-brotli
