/*
 * Takes the place of the system's log in a process (Httpd::preloaded): each record is a line of the file state/syslog below the
 * test's directory, with its facility and level in front, as they are sent to a syslog daemon.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

static int facility = LOG_USER;

static void record(int priority, const char *format, va_list arguments)
{
    const char *directory = getenv("MOD_WSGI_TEST");
    char *text = NULL, *line = NULL, *path = NULL;
    if (!(priority & LOG_FACMASK)) {
        priority |= facility;
    }
    if (directory && vasprintf(&text, format, arguments) >= 0 && asprintf(&path, "%s/state/syslog", directory) >= 0) {
        int length = asprintf(&line, "<%d>%s\n", priority, text);
        int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
        if (length > 0 && file >= 0) {
            /* Root writes there as well as Apache's user, whoever is the first. */
            (void)fchmod(file, 0666);
            if (write(file, line, length) != length) {
                abort();
            }
        }
        if (file >= 0) {
            close(file);
        }
    }
    free(text);
    free(line);
    free(path);
}

void openlog(const char *name, int options, int of)
{
    (void)name;
    (void)options;
    facility = of;
}

void syslog(int priority, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    record(priority, format, arguments);
    va_end(arguments);
}

/* What syslog() is in a program that was compiled with _FORTIFY_SOURCE, as httpd is. */
void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list arguments;
    (void)flag;
    va_start(arguments, format);
    record(priority, format, arguments);
    va_end(arguments);
}
