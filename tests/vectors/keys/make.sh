#!/bin/sh
# Makes the private keys of this folder anew, with OpenSSL 3. They are for tests alone.
set -eu
cd "$(dirname "$0")"
pkey() { name=$1; shift; openssl genpkey -out "$name.pem" "$@" 2>/dev/null; }

pkey ed25519_pkcs8 -algorithm ED25519
pkey p256_pkcs8 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
pkey p384_pkcs8 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
pkey rsa2048_pkcs8 -algorithm RSA -pkeyopt rsa_keygen_bits:2048
pkey rsa4096_pkcs8 -algorithm RSA -pkeyopt rsa_keygen_bits:4096
openssl ecparam -name prime256v1 -genkey -out p256_sec1.pem
openssl ec -in p384_pkcs8.pem -out p384_sec1.pem 2>/dev/null
openssl pkey -in rsa2048_pkcs8.pem -traditional -out rsa2048_pkcs1.pem

# What is refused.
pkey refused_rsa1024 -algorithm RSA -pkeyopt rsa_keygen_bits:1024
pkey refused_rsa8192 -algorithm RSA -pkeyopt rsa_keygen_bits:8192
pkey refused_p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521
pkey refused_ed448 -algorithm ED448
pkey refused_x25519 -algorithm X25519
pkey refused_pss -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048
pkey refused_explicit -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit
openssl pkey -in ed25519_pkcs8.pem -aes256 -passout pass:x -out refused_encrypted_pkcs8.pem
openssl rsa -in rsa2048_pkcs1.pem -traditional -aes256 -passout pass:x -out refused_encrypted_pkcs1.pem 2>/dev/null
openssl ec -in p256_sec1.pem -no_public -out refused_no_public.pem 2>/dev/null
openssl pkey -in ed25519_pkcs8.pem -pubout -out refused_public.pem
