#include "symbolize/suppressions.h"

namespace weir::symbolize {

// A pattern matches any frame of a stack: so a function is named here only if none of the program's own code runs below it. What the
// runtimes keep and still point to is no leak anyway; these lose it by their design. (Allocations of libcuda.so's and libcudart.so's own
// are told from the program's callbacks below them by cli/runtime_allocations.cpp.)
const char kBuiltInSuppressions[] = R"(
# The loader: descriptions of libraries, their search paths and versions, kept for the process's life.
leak:^_dl_new_object$
leak:^_dl_init_paths$
leak:^_dl_check_map_versions$
leak:^_dl_map_object_deps$
# The loader: tables of thread-local storage, which the thread's own area points to, and which grow with dlopen.
leak:^_dl_allocate_tls$
leak:^allocate_dtv$
leak:^_dl_resize_dtv$
leak:^__tls_get_addr$
leak:^tls_get_addr_tail$
leak:^_dl_add_to_slotinfo$
leak:^_dl_tlsdesc_dynamic
# The C library: locales, message catalogues and character sets, loaded once.
leak:^_nl_load_locale
leak:^_nl_intern_locale_data$
leak:^_nl_make_l10nflist$
leak:^_nl_find_domain$
leak:^_nl_load_domain$
leak:^__gconv_load_cache$
leak:^__gconv_read_conf$
leak:^__gconv_find_shlib$
leak:^__wcsmbs_load_conv$
# The C library: the time zone.
leak:^tzset_internal$
leak:^__tzfile_read$
# The C library: name services and their configuration, loaded at the first look-up of a user or a host.
leak:^__nss_database_get$
leak:^__nss_module_allocate$
leak:^__nss_module_get_function$
leak:^__resolv_conf_load$
# The C library: values of environment variables, which other parts of the program may still hold.
leak:^__add_to_environ$
# The C library: lists of functions to run at exit.
leak:^__new_exitfn$
# The C++ library: memory set aside for exceptions when there is none, and the first locale.
leak:^(anonymous namespace)::pool::pool
leak:^std::locale::_S_initialize_once
# CPython: types, and what belongs to them, are never freed; its last collection leaves objects of modules and of their cycles.
leak:^PyType_Ready$
leak:^type_new
leak:^type_set_abstractmethods$
leak:^_abc__abc_
leak:^PyUnicode_InternInPlace$
# CPython: the code and the top-level objects of imported modules, and the interpreter's own start.
leak:^r_object$
leak:^builtin_exec
leak:^PyInit_
leak:^Py_InitializeFromConfig$
# perl: the parsed program and its modules, which an exiting interpreter does not take apart (perl_destruct_level 0).
leak:^perl_construct$
leak:^perl_parse$
# perl: names of locales and what it asked of them, set anew at its start.
leak:^Perl_init_i18nl10n$
# bash: variables and settings read at its start.
leak:^initialize_shell_variables$
leak:^set_default_locale$
# CUDA's compilers, loaded when code is compiled at run time: their arenas go with the process.
leak:/libnvrtc.so
leak:/libnvrtc-builtins.so
leak:/libnvJitLink.so
leak:/libnvidia-ptxjitcompiler.so
leak:/libnvidia-nvvm.so
)";

}  // namespace weir::symbolize
