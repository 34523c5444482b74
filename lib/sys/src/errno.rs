// SPDX-License-Identifier: MPL-2.0
//! What the kernel's error numbers are called.
//!
//! Owns: the names, as in errno(3).
//! Never: explains them.

use crate::io::Errno;

/// Makes the table from the kernel's own constants: number and name.
macro_rules! names {
    ($($name:ident),+ $(,)?) => {
        &[$((linux_raw_sys::errno::$name, stringify!($name))),+]
    };
}

/// Every error number and its name.
#[rustfmt::skip]
const NAMES: &[(u32, &str)] = names![
    EPERM, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD, EAGAIN, ENOMEM,
    EACCES, EFAULT, ENOTBLK, EBUSY, EEXIST, EXDEV, ENODEV, ENOTDIR, EISDIR, EINVAL, ENFILE,
    EMFILE, ENOTTY, ETXTBSY, EFBIG, ENOSPC, ESPIPE, EROFS, EMLINK, EPIPE, EDOM, ERANGE, EDEADLK,
    ENAMETOOLONG, ENOLCK, ENOSYS, ENOTEMPTY, ELOOP, ENOMSG, EIDRM, ECHRNG, EL2NSYNC, EL3HLT,
    EL3RST, ELNRNG, EUNATCH, ENOCSI, EL2HLT, EBADE, EBADR, EXFULL, ENOANO, EBADRQC, EBADSLT,
    EBFONT, ENOSTR, ENODATA, ETIME, ENOSR, ENONET, ENOPKG, EREMOTE, ENOLINK, EADV, ESRMNT, ECOMM,
    EPROTO, EMULTIHOP, EDOTDOT, EBADMSG, EOVERFLOW, ENOTUNIQ, EBADFD, EREMCHG, ELIBACC, ELIBBAD,
    ELIBSCN, ELIBMAX, ELIBEXEC, EILSEQ, ERESTART, ESTRPIPE, EUSERS, ENOTSOCK, EDESTADDRREQ,
    EMSGSIZE, EPROTOTYPE, ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP, EPFNOSUPPORT,
    EAFNOSUPPORT, EADDRINUSE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, ENETRESET, ECONNABORTED,
    ECONNRESET, ENOBUFS, EISCONN, ENOTCONN, ESHUTDOWN, ETOOMANYREFS, ETIMEDOUT, ECONNREFUSED,
    EHOSTDOWN, EHOSTUNREACH, EALREADY, EINPROGRESS, ESTALE, EUCLEAN, ENOTNAM, ENAVAIL, EISNAM,
    EREMOTEIO, EDQUOT, ENOMEDIUM, EMEDIUMTYPE, ECANCELED, ENOKEY, EKEYEXPIRED, EKEYREVOKED,
    EKEYREJECTED, EOWNERDEAD, ENOTRECOVERABLE, ERFKILL, EHWPOISON,
];

/// The name of error number `errno`, such as `ENOENT`; `E?` when it has none.
#[must_use]
pub fn name_of(errno: u32) -> &'static str {
    NAMES
        .iter()
        .find(|(number, _)| *number == errno)
        .map_or("E?", |(_, name)| name)
}

/// The name of an error, such as `ENOENT`.
#[must_use]
pub fn name(errno: Errno) -> &'static str {
    name_of(errno.raw_os_error().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::{NAMES, name, name_of};
    use crate::io::Errno;

    #[test]
    fn an_error_has_its_name() {
        assert_eq!(name(Errno::NOENT), "ENOENT");
        assert_eq!(name(Errno::AGAIN), "EAGAIN");
    }

    #[test]
    fn an_unknown_number_has_a_name_too() {
        assert_eq!(name_of(0), "E?");
        assert_eq!(name_of(4000), "E?");
    }

    #[test]
    fn no_number_has_two_names() {
        for (index, (number, _)) in NAMES.iter().enumerate() {
            assert!(
                NAMES[index + 1..].iter().all(|(other, _)| other != number),
                "{number}"
            );
        }
    }
}
