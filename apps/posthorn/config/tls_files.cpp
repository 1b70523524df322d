// SPDX-License-Identifier: Apache-2.0
#include "apps/posthorn/config/tls_files.hpp"

#include "apps/posthorn/config/file.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>

namespace posthorn {

namespace {

template <auto Free>
struct freeing {
  template <class T>
  void operator()(T* what) const {
    Free(what);
  }
};

using bio = std::unique_ptr<BIO, freeing<&BIO_free_all>>;
using certificate = std::unique_ptr<X509, freeing<&X509_free>>;
using private_key = std::unique_ptr<EVP_PKEY, freeing<&EVP_PKEY_free>>;
using authority = std::unique_ptr<X509_STORE, freeing<&X509_STORE_free>>;
using verification
  = std::unique_ptr<X509_STORE_CTX, freeing<&X509_STORE_CTX_free>>;

constexpr std::size_t pem_bytes_max = std::size_t{1} << 20;

/// What OpenSSL's default security level asks of keys, in bits.
constexpr int security_bits_min = 112;

/// Does not ask for a passphrase on the terminal; notes that one is needed.
int no_passphrase(char*, int, int, void* needed) {
  *static_cast<bool*>(needed) = true;
  return 0;
}

std::vector<certificate> certificates_of(const std::string& pem) {
  std::vector<certificate> result;
  const bio in{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  while (auto* one = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr))
    result.emplace_back(one);
  ERR_clear_error();
  return result;
}

class checker {
public:
  explicit checker(const cluster_tls& files) : files_{files} {}

  std::vector<tls_finding> run() {
    const auto chain = read_chain("certificate", files_.certificate);
    const auto trusted = read_chain("ca", files_.ca);
    const auto key = read_key();
    for (const auto& one : trusted)
      if (X509_check_ca(one.get()) == 0)
        refuse("ca", files_.ca
                       + " holds a certificate that is no authority's "
                         "(basicConstraints CA:TRUE)");
    if (!chain.empty() && key) {
      if (X509_check_private_key(chain.front().get(), key.get()) != 1)
        refuse("key", files_.key + " is not the key of the certificate in "
                        + files_.certificate);
      else if (EVP_PKEY_get_security_bits(key.get()) < security_bits_min)
        refuse("key", files_.key
                        + " is too weak: use EC P-256, or RSA of 2048 "
                          "bits and more");
    }
    ERR_clear_error();
    if (!chain.empty()) {
      check_purpose(*chain.front());
      check_time("certificate", files_.certificate, *chain.front());
    }
    for (const auto& one : trusted)
      check_time("ca", files_.ca, *one);
    if (!chain.empty() && !trusted.empty() && findings_.empty())
      check_signature(chain, trusted);
    findings_.insert(findings_.end(), late_.begin(), late_.end());
    return std::move(findings_);
  }

private:
  void refuse(const char* field, std::string text) {
    findings_.push_back({field, std::move(text)});
  }

  std::optional<std::string> read(const char* field, const std::string& path) {
    auto content = read_file(path, pem_bytes_max);
    if (content)
      return std::move(content->text);
    refuse(field, path + ": " + text_of(content.error()));
    return std::nullopt;
  }

  std::vector<certificate> read_chain(const char* field,
                                      const std::string& path) {
    const auto pem = read(field, path);
    if (!pem)
      return {};
    auto result = certificates_of(*pem);
    if (result.empty())
      refuse(field, path + " holds no certificate in PEM form");
    return result;
  }

  private_key read_key() {
    const auto pem = read("key", files_.key);
    if (!pem)
      return nullptr;
    const bio in{BIO_new_mem_buf(pem->data(), static_cast<int>(pem->size()))};
    bool encrypted = false;
    private_key result{
      PEM_read_bio_PrivateKey(in.get(), nullptr, no_passphrase, &encrypted)};
    ERR_clear_error();
    if (!result)
      refuse("key", files_.key
                      + (encrypted ? " is encrypted: a node has nobody to ask "
                                     "for the passphrase"
                                   : " holds no private key in PEM form"));
    return result;
  }

  void check_purpose(X509& what) {
    if (X509_check_purpose(&what, X509_PURPOSE_SSL_SERVER, 0) != 1
        || X509_check_purpose(&what, X509_PURPOSE_SSL_CLIENT, 0) != 1)
      refuse("certificate", files_.certificate
                              + " must be fit for server and client: "
                                "extendedKeyUsage serverAuth,clientAuth");
  }

  void check_time(const char* field, const std::string& path,
                  const X509& what) {
    const char* wrong = nullptr;
    if (X509_cmp_current_time(X509_get0_notBefore(&what)) > 0)
      wrong = " is not valid yet";
    else if (X509_cmp_current_time(X509_get0_notAfter(&what)) < 0)
      wrong = " has expired";
    if (wrong)
      late_.push_back(
        {field, path + wrong + ": no other node will take it", true});
  }

  void check_signature(const std::vector<certificate>& chain,
                       const std::vector<certificate>& trusted) {
    const authority store{X509_STORE_new()};
    for (const auto& one : trusted)
      X509_STORE_add_cert(store.get(), one.get());
    auto* between = sk_X509_new_null();
    for (std::size_t i = 1; i < chain.size(); ++i)
      sk_X509_push(between, chain[i].get());
    const verification asked{X509_STORE_CTX_new()};
    X509_STORE_CTX_init(asked.get(), store.get(), chain.front().get(), between);
    X509_STORE_CTX_set_flags(asked.get(), X509_V_FLAG_NO_CHECK_TIME);
    if (X509_verify_cert(asked.get()) != 1)
      refuse("certificate", files_.certificate + " is not signed by the CA in "
                              + files_.ca + ": "
                              + X509_verify_cert_error_string(
                                X509_STORE_CTX_get_error(asked.get())));
    sk_X509_free(between);
    ERR_clear_error();
  }

  const cluster_tls& files_;
  std::vector<tls_finding> findings_;
  /// Warnings; they come last.
  std::vector<tls_finding> late_;
};

} // namespace

std::vector<tls_finding> check_tls_files(const cluster_tls& files) {
  return checker{files}.run();
}

} // namespace posthorn
