//! The certificate authority of this user, in a folder that only this user can read. It is created once, so that it has to
//! be trusted only once.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use etcetera::BaseStrategy;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData,
};

use super::files::{self, create};

/// A certificate authority with its key.
pub(super) struct Authority {
    file: PathBuf,
    pem: String,
    until: SystemTime,
    issuer: Issuer<'static, KeyPair>,
    is_new: bool,
}

/// A certificate with its key, as PEM.
pub(super) struct Issued {
    /// The certificate, followed by that of the authority.
    pub(super) chain: String,
    pub(super) key: String,
    /// The day on which it expires.
    pub(super) until: String,
}

impl Authority {
    /// The existing authority, or a new one.
    pub(super) fn of_this_user() -> anyhow::Result<Self> {
        let folder = folder()?;
        let (file, key_file) = (folder.join("ca.pem"), folder.join("ca-key.pem"));
        match (file.exists(), key_file.exists()) {
            (true, true) => Self::read(file, &key_file),
            (false, false) => {
                Self::make(&folder, &file, &key_file)?;
                Ok(Self { is_new: true, ..Self::read(file, &key_file)? })
            }
            _ => bail!("of {} and its key in {} one is missing; {}", file.display(), key_file.display(), anew(&folder)),
        }
    }

    fn make(folder: &Path, file: &Path, key_file: &Path) -> anyhow::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        must_be_private(folder, 0o022)?;

        let key = KeyPair::generate()?;
        let now = SystemTime::now();
        let mut params = CertificateParams::default();
        let id: String = params.key_identifier(&key).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        params.distinguished_name = name(&format!("Windhover development CA {id}"));
        params.not_before = (now - CLOCKS_DIFFER).into();
        params.not_after = (now + AUTHORITY_LIFE).into();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)); // it signs servers, and no other authorities
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        // The key first: without it a certificate would be trusted for nothing.
        create(key_file, &key.serialize_pem(), files::PRIVATE)?;
        create(file, &certificate.pem(), files::PUBLIC)
    }

    fn read(file: PathBuf, key_file: &Path) -> anyhow::Result<Self> {
        let folder = file.parent().unwrap_or(Path::new("."));
        must_be_private(folder, 0o022)?;
        must_be_private(key_file, 0o077)?;
        let read = |file: &Path| fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()));
        let (pem, key) = (read(&file)?, read(key_file)?);
        let damaged = || format!("{} or its key is damaged; {}", file.display(), anew(folder));
        let key = KeyPair::from_pem(&key).with_context(damaged)?;
        let (_, section) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).with_context(damaged)?;
        let certificate = section.parse_x509().with_context(damaged)?;
        if certificate.public_key().raw != key.subject_public_key_info() {
            bail!("{} is not the certificate of the key beside it; {}", file.display(), anew(folder));
        }
        let end = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
        let until = UNIX_EPOCH + Duration::from_secs(end);
        if until < SystemTime::now() + AUTHORITY_LEFT {
            bail!("the authority in {} has ended or will soon; {}", file.display(), anew(folder));
        }
        let issuer = Issuer::from_ca_cert_pem(&pem, key).with_context(damaged)?;
        Ok(Self { file, pem, until, issuer, is_new: false })
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn is_new(&self) -> bool {
        self.is_new
    }

    /// A server certificate for these names and addresses, with a new key.
    pub(super) fn issue(&self, names: &[String]) -> anyhow::Result<Issued> {
        let (key, now) = (KeyPair::generate()?, SystemTime::now());
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name = name("Windhover development certificate");
        params.not_before = (now - CLOCKS_DIFFER).into();
        params.not_after = (now - CLOCKS_DIFFER + CERTIFICATE_LIFE).min(self.until).into();
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Issued {
            chain: certificate.pem() + &self.pem,
            key: key.serialize_pem(),
            until: params.not_after.date().to_string(),
        })
    }
}

/// The folder of the authority, in the user's data folder.
fn folder() -> anyhow::Result<PathBuf> {
    let folders = etcetera::choose_base_strategy()
        .context("there is no folder to keep the authority in: this user has no home; set HOME or XDG_DATA_HOME")?;
    Ok(folders.data_dir().join("windhover/dev-ca"))
}

/// Anyone who can read or replace the key can impersonate any site to this user.
#[cfg(unix)]
fn must_be_private(path: &Path, others: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).with_context(|| format!("cannot look at {}", path.display()))?;
    let mode = metadata.permissions().mode();
    if mode & others != 0 {
        let private = if metadata.is_dir() { 0o700 } else { 0o600 };
        bail!(
            "others than this user have access to {} (mode {:o}): chmod {private:o} it if nobody has used that, else \
             delete its folder and trust it nowhere any more",
            path.display(),
            mode & 0o777
        );
    }
    Ok(())
}

/// Folders of a user are private on other systems.
#[cfg(not(unix))]
fn must_be_private(_path: &Path, _others: u32) -> anyhow::Result<()> {
    Ok(())
}

fn anew(folder: &Path) -> String {
    format!("delete {} and run this again, and trust the new authority in place of the old", folder.display())
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "Windhover");
    name.push(DnType::CommonName, common);
    name
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The clock of a virtual machine or a phone may be behind.
const CLOCKS_DIFFER: Duration = DAY;

/// Less than the 366 days that Mozilla's recommendations allow, with the day before it that is for clocks that are late.
const CERTIFICATE_LIFE: Duration = DAY.saturating_mul(364);

/// Ten years, as mkcert; and what must be left of them, so that no certificate ends as soon as it is made.
const AUTHORITY_LIFE: Duration = DAY.saturating_mul(3650);
const AUTHORITY_LEFT: Duration = DAY.saturating_mul(30);
