# Writes OUTPUT, a C++ source with the files of the page in FOLDER. Run by `cmake -P`.
function(add_file name file)
  file(READ ${FOLDER}/${file} text)
  # A literal may have 64 kB by the standard, and GCC takes any length.
  string(APPEND source "const std::string_view ${name} = R\"embedded(${text})embedded\";\n")
  set(source "${source}" PARENT_SCOPE)
endfunction()

set(source "#include \"web/page.h\"\n\nnamespace web {\n\n")
add_file(kPageHtml page.html)
add_file(kPageScript page.js)
add_file(kPageStyle page.css)
string(APPEND source "\n}  // namespace web\n")
file(WRITE ${OUTPUT} "${source}")
