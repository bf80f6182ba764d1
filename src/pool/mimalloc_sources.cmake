# mimalloc's sources as Weir builds them: a copy in the build tree, with what is changed of them written down here. Sets
# mimalloc_sources, the folder with the copies of mimalloc's src and include.
#
# The links of its free lists lie in the blocks, each the address of another block, and stay in memory that the program gets and never
# writes to: a leak check would take them for pointers of the program's. They are kept inverted, which makes them addresses of nothing.
#
# From 128 bytes on there are eight size classes to a doubling instead of four: a block is at most an eighth larger than what was asked for
# instead of a fourth. Programs with many blocks of one size just above a class take up to a sixth less memory (sqlite3's pages of 4,368
# bytes: 4,608 instead of 5,120).
#
# mimalloc makes a segment's memory accessible a part at a time, and whatever of that part was so already, once more: which takes back what a
# program has protected of its own blocks there, or made executable. Only what is not accessible is made so.

set(mimalloc_sources "${CMAKE_BINARY_DIR}/mimalloc")

# Writes a file of the copy with each OLD replaced by the NEW behind it, and stops where one is not there. Left alone where nothing is new.
function(change_mimalloc file)
  set(original "${WEIR_MIMALLOC_SOURCE}/${file}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${original}")
  file(READ "${original}" text)
  math(EXPR last "${ARGC} - 2")
  foreach(old_at RANGE 1 ${last} 2)
    math(EXPR new_at "${old_at} + 1")
    string(FIND "${text}" "${ARGV${old_at}}" position)
    if(position EQUAL -1)
      message(FATAL_ERROR "${original} has no \"${ARGV${old_at}}\": is it of mimalloc 2.0.9?")
    endif()
    string(REPLACE "${ARGV${old_at}}" "${ARGV${new_at}}" text "${text}")
  endforeach()
  file(CONFIGURE OUTPUT "${mimalloc_sources}/${file}" CONTENT "${text}" @ONLY)
endfunction()

# guard: free-list-link
change_mimalloc(include/mimalloc-internal.h
  "(mi_block_t*)block->next" "(mi_block_t*)~block->next"
  "block->next = (mi_encoded_t)next" "block->next = ~(mi_encoded_t)next")

# guard: commit-once
change_mimalloc(src/segment.c
  "    _mi_stat_decrease(&_mi_stats_main.committed, _mi_commit_mask_committed_size(&cmask, MI_SEGMENT_SIZE)); // adjust for overlap
    if (!_mi_os_commit(start,full_size,&is_zero,stats)) return false;"
  "    mi_commit_mask_t missing = mask;
    mi_commit_mask_clear(&missing, &cmask);
    size_t idx, count;
    mi_commit_mask_foreach(&missing, idx, count) {
      if (!_mi_os_commit((uint8_t*)segment + idx * MI_COMMIT_SIZE, count * MI_COMMIT_SIZE, &is_zero, stats)) return false;
    }
    mi_commit_mask_foreach_end()")

# The classes in words of 8 bytes. mimalloc's own up to 16: one for each word, or two; then eight to a doubling, up to the largest that is
# served from pages of many blocks.
set(class_words 1 2 3 4 5 6 7 8 10 12 14 16)
foreach(doubling RANGE 4 13)
  math(EXPR step "1 << (${doubling} - 3)")
  foreach(eighth RANGE 1 8)
    math(EXPR words "(8 + ${eighth}) * ${step}")
    list(APPEND class_words ${words})
  endforeach()
endforeach()
list(LENGTH class_words class_count)
math(EXPR huge_bin "${class_count} + 1")
change_mimalloc(include/mimalloc-types.h "#define MI_BIN_HUGE  (73U)" "#define MI_BIN_HUGE  (${huge_bin}U)")
change_mimalloc(src/page-queue.c
  "bin = ((b << 2) + (uint8_t)((wsize >> (b - 2)) & 0x03)) - 3;"
  "bin = b < 4 ? (b << 2) + (uint8_t)((wsize >> (b - 2)) & 0x03) - 3 : (b << 3) + (uint8_t)((wsize >> (b - 3)) & 0x07) - 19;")

# The table of queues begins with one that is no class's, and ends with those of huge and of full pages.
file(READ "${WEIR_MIMALLOC_SOURCE}/src/init.c" text)
string(FIND "${text}" "QNULL(     1)" first)
string(FIND "${text}" "QNULL(MI_MEDIUM_OBJ_WSIZE_MAX + 1" behind)
math(EXPR length "${behind} - ${first}")
string(SUBSTRING "${text}" ${first} ${length} original_queues)
set(queues "")
foreach(words IN LISTS class_words)
  string(APPEND queues "QNULL(${words}), ")
endforeach()
change_mimalloc(src/init.c "${original_queues}" "${queues}\\\n    ")

file(COPY "${WEIR_MIMALLOC_SOURCE}/src" "${WEIR_MIMALLOC_SOURCE}/include" DESTINATION "${mimalloc_sources}"
  PATTERN mimalloc-internal.h EXCLUDE PATTERN mimalloc-types.h EXCLUDE PATTERN page-queue.c EXCLUDE PATTERN init.c EXCLUDE
  PATTERN segment.c EXCLUDE)
