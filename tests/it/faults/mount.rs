//! Small disks: file systems in a file, which a test can fill or break. They need root.

use crate::harness::run;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use tempfile::{NamedTempFile, TempDir, tempdir};

/// A disk, and the folder where it is. It is unmounted when it is dropped: after the server on it, if that comes later.
pub(super) struct Small {
    dir: Arc<TempDir>,
    /// The file with all that is on it, if it is not in memory.
    image: Option<NamedTempFile>,
}

/// Runs a command that has to succeed: what it says.
pub(super) fn done<S: AsRef<OsStr>>(program: &str, arguments: &[S]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments);
    match run(command) {
        (Some(0), out, _) => Ok(out.trim().to_owned()),
        (_, _, err) => Err(format!("{program}: {err}")),
    }
}

impl Small {
    /// An ext4 of so many bytes; where that cannot be mounted, a file system in memory.
    pub(super) fn new(bytes: u64) -> Self {
        Self::ext4(bytes).unwrap_or_else(|error| {
            eprintln!("no ext4 in a file here, so this is tried in memory: {error}");
            Self::in_memory(bytes)
        })
    }

    /// An ext4 that becomes read-only at the first error.
    pub(super) fn ext4(bytes: u64) -> Result<Self, String> {
        let image = NamedTempFile::new().unwrap();
        image.as_file().set_len(bytes).unwrap();
        let path = image.path().to_str().unwrap();
        // All of it is for everybody: root has no reserve.
        done("mkfs.ext4", &["-q", "-m", "0", path])?;
        let dir = Arc::new(tempdir().unwrap());
        let at = dir.path().to_str().unwrap();
        done("mount", &["-o", "loop,errors=remount-ro", path, at])?;
        Ok(Small {
            dir,
            image: Some(image),
        })
    }

    pub(super) fn in_memory(bytes: u64) -> Self {
        let dir = Arc::new(tempdir().unwrap());
        let (size, at) = (format!("size={bytes}"), dir.path().to_str().unwrap());
        done("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", at]).unwrap();
        Small { dir, image: None }
    }

    pub(super) fn dir(&self) -> Arc<TempDir> {
        Arc::clone(&self.dir)
    }

    fn at(&self) -> &Path {
        self.dir.path()
    }

    fn filler(&self, number: usize) -> PathBuf {
        self.at().join(format!("filler{number}"))
    }

    /// Puts a file of so many bytes on it.
    pub(super) fn put(&self, number: usize, bytes: usize) {
        fs::write(self.filler(number), vec![1; bytes]).unwrap();
        File::open(self.filler(number)).unwrap().sync_all().unwrap();
    }

    /// Fills it to the last byte.
    pub(super) fn fill(&self, number: usize) {
        let mut file = File::create(self.filler(number)).unwrap();
        for block in [64 << 10, 1 << 10, 1] {
            let block = vec![1; block];
            let error = loop {
                if let Err(error) = file.write_all(&block) {
                    break error;
                }
            };
            assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{error}");
        }
    }

    /// Takes such a file away.
    pub(super) fn free(&self, number: usize) {
        fs::remove_file(self.filler(number)).unwrap();
    }

    /// Breaks it as a failing disk does: from now on it is read-only for everybody.
    pub(super) fn fail(&self) {
        assert!(self.image.is_some(), "only an ext4 can fail");
        let device = done(
            "findmnt",
            &["-n", "-o", "SOURCE", self.at().to_str().unwrap()],
        )
        .unwrap();
        let name = device.strip_prefix("/dev/").unwrap();
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "1").unwrap();
    }

    /// Mounts it anew with this option, while nobody has a file open for writing.
    pub(super) fn remount(&self, option: &str) {
        let option = format!("remount,{option}");
        done("mount", &["-o", &option, self.at().to_str().unwrap()]).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let at = self.at().to_str().unwrap();
        // A process that has just ended may still be on it; then it goes when that has gone.
        if done("umount", &[at]).is_err() {
            drop(done("umount", &["--lazy", at]));
        }
    }
}
