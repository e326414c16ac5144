/* Fails one system call of a program, or ends the process at it.
 *
 *   fail-one-call NUMBER ERRNO REPORT PROGRAM ARGUMENTS...
 *
 * Counts the calls that have to do with files, pipes and processes, of the program, of its threads, and of what it starts from the same file. The call of
 * this number fails with ERRNO, or its process is killed where that is 0. With number 0 nothing fails, and REPORT gets the count; else it gets the number
 * of the system call that failed. For x86-64 Linux 5.3 and later. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <linux/ptrace.h>
#include <unistd.h>

#define MOST_THREADS 4096

static const long COUNTED[] = {
    SYS_open, SYS_openat, SYS_read, SYS_pread64, SYS_write, SYS_pwrite64, SYS_writev, SYS_fsync, SYS_fdatasync, SYS_ftruncate,
    SYS_rename, SYS_renameat, SYS_renameat2, SYS_link, SYS_linkat, SYS_unlink, SYS_unlinkat, SYS_mkdir, SYS_mkdirat, SYS_rmdir,
    SYS_stat, SYS_lstat, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_getdents64, SYS_lseek, SYS_fchmod, SYS_flock, SYS_readlink,
    SYS_copy_file_range, SYS_fcntl, SYS_pipe2, SYS_poll, SYS_ppoll, SYS_pidfd_open, SYS_clone3, SYS_execve, SYS_sched_getaffinity,
};

struct thread { pid_t id; int failing; };
static struct thread threads[MOST_THREADS];

static struct thread *find(pid_t id, int add) {
    struct thread *vacant = NULL;
    for (int i = 0; i < MOST_THREADS; i++) {
        if (threads[i].id == id) return &threads[i];
        if (threads[i].id == 0 && !vacant) vacant = &threads[i];
    }
    if (!add || !vacant) return NULL;
    vacant->id = id;
    vacant->failing = 0;
    return vacant;
}

static int counts(long call) {
    for (size_t i = 0; i < sizeof COUNTED / sizeof *COUNTED; i++)
        if (COUNTED[i] == call) return 1;
    return 0;
}

/* The process of a thread. */
static pid_t process_of(pid_t id) {
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/status", id);
    FILE *status = fopen(path, "r");
    pid_t process = id;
    while (status && fgets(line, sizeof line, status))
        if (sscanf(line, "Tgid: %d", &process) == 1) break;
    if (status) fclose(status);
    return process;
}

static int runs(pid_t id, const char *program) {
    char path[64], target[PATH_MAX];
    snprintf(path, sizeof path, "/proc/%d/exe", id);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) return 0;
    target[length] = 0;
    return strcmp(target, program) == 0;
}

static void report(const char *path, long number) {
    FILE *file = fopen(path, "w");
    if (file) { fprintf(file, "%ld\n", number); fclose(file); }
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    long chosen = atol(argv[1]), count = 0;
    int error = atoi(argv[2]), code = 0;
    char program[PATH_MAX];
    if (!realpath(argv[4], program)) return 2;
    pid_t first = fork();
    if (first == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execv(argv[4], argv + 4);
        _exit(127);
    }
    int status;
    if (waitpid(first, &status, 0) != first) return 2;
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    if (ptrace(PTRACE_SETOPTIONS, first, 0, options)) return 2;
    find(first, 1);
    ptrace(PTRACE_SYSCALL, first, 0, 0);
    for (;;) {
        pid_t id = waitpid(-1, &status, __WALL);
        if (id < 0) {
            if (errno == EINTR) continue;
            break;
        }
        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            struct thread *own = find(id, 0);
            if (own) own->id = 0;
            if (id == first) code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            continue;
        }
        int signal = WSTOPSIG(status), event = status >> 16, known = find(id, 0) != NULL;
        struct thread *own = find(id, 1);
        if (!own) return 2;
        if (event == PTRACE_EVENT_EXEC && !runs(id, program)) {
            own->id = 0;
            ptrace(PTRACE_DETACH, id, 0, 0);
            continue;
        }
        if (signal == (SIGTRAP | 0x80)) {
            struct ptrace_syscall_info info;
            if (ptrace(PTRACE_GET_SYSCALL_INFO, id, sizeof info, &info) > 0) {
                struct user_regs_struct registers;
                if (info.op == PTRACE_SYSCALL_INFO_ENTRY && counts(info.entry.nr) && ++count == chosen) {
                    report(argv[3], info.entry.nr);
                    if (error == 0) {
                        kill(process_of(id), SIGKILL);
                    } else if (ptrace(PTRACE_GETREGS, id, 0, &registers) == 0) {
                        registers.orig_rax = -1;
                        ptrace(PTRACE_SETREGS, id, 0, &registers);
                        own->failing = 1;
                    }
                } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && own->failing && ptrace(PTRACE_GETREGS, id, 0, &registers) == 0) {
                    registers.rax = -error;
                    ptrace(PTRACE_SETREGS, id, 0, &registers);
                    own->failing = 0;
                }
            }
            signal = 0;
        } else if (event || (!known && signal == SIGSTOP)) {
            /* An event, or the stop with which a new thread or process begins. */
            signal = 0;
        } else if (signal == SIGTRAP) {
            signal = 0;
        }
        ptrace(PTRACE_SYSCALL, id, 0, signal);
    }
    if (chosen == 0) report(argv[3], count);
    return code;
}
