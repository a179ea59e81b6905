# ThreadSanitizer does not know memory fences, and g++ refuses them; Asio's queues are guarded by mutexes as well.
if(LEAM_SANITIZE MATCHES "thread")
  target_compile_definitions(leam_base_http PUBLIC BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()
