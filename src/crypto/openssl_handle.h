// Owners of OpenSSL's objects.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <memory>

namespace drover::crypto {

template <auto Release>
struct openssl_release {
  template <class T>
  void operator()(T* object) const {
    Release(object);
  }
};
using bio_handle = std::unique_ptr<BIO, openssl_release<&BIO_free_all>>;
using bignum_handle = std::unique_ptr<BIGNUM, openssl_release<&BN_free>>;
using key_handle = std::unique_ptr<EVP_PKEY, openssl_release<&EVP_PKEY_free>>;
using certificate_handle = std::unique_ptr<X509, openssl_release<&X509_free>>;
using extension_handle = std::unique_ptr<X509_EXTENSION, openssl_release<&X509_EXTENSION_free>>;
using names_handle = std::unique_ptr<GENERAL_NAMES, openssl_release<&GENERAL_NAMES_free>>;
using constraints_handle = std::unique_ptr<NAME_CONSTRAINTS, openssl_release<&NAME_CONSTRAINTS_free>>;
using store_handle = std::unique_ptr<X509_STORE, openssl_release<&X509_STORE_free>>;
using store_context_handle = std::unique_ptr<X509_STORE_CTX, openssl_release<&X509_STORE_CTX_free>>;

}  // namespace drover::crypto
