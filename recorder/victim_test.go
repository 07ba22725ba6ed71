package recorder

const victimEnv = "LIECIBA_TEST_VICTIM"

func victim(dir string) {}
