# Tests. Each tests/unit/test_<stem>.c is one cmocka program over the libraries it names by folder.
UNIT_C := $(wildcard tests/unit/test_*.c)
UNIT_B := $(patsubst tests/unit/%.c,$(O)/unit/%,$(UNIT_C))
$(O)/unit/%: tests/unit/%.c $(O)/libcommon.a $(O)/libmaster.a $(O)/libnet.a
	@mkdir -p $(@D); echo "  TEST  $*"
	$(Q)$(CC) $(ALL_CF) -Wno-missing-prototypes $(LD) -o $@ $< $(O)/libmaster.a $(O)/libnet.a $(O)/libcommon.a \
	  -lcmocka $(MASTER_LD) $(WORKER_LD)
