-- What was approved can be refused until it is used: an approval may turn out to
-- be nobody's, such as that of an account that was taken over.

-- +goose Up
DROP TRIGGER decided ON requests;
CREATE TRIGGER decided BEFORE UPDATE ON requests FOR EACH ROW WHEN (
    (NEW.id, NEW.kind, NEW.asked_by, NEW.asked_by_id, NEW.asked_sign_in, NEW.asked_at)
      IS DISTINCT FROM (OLD.id, OLD.kind, OLD.asked_by, OLD.asked_by_id, OLD.asked_sign_in, OLD.asked_at)
    OR OLD.state IN ('refused', 'withdrawn', 'used')
    OR NOT (OLD.state = 'requested' AND NEW.state = 'requested')
      AND (NEW.session_id, NEW.asked, NEW.reason, NEW.digest, NEW.expires_at)
        IS DISTINCT FROM (OLD.session_id, OLD.asked, OLD.reason, OLD.digest, OLD.expires_at)
    OR OLD.state = 'requested' AND NEW.state = 'used'
    OR OLD.state = 'approved' AND (NEW.state NOT IN ('used', 'refused', 'withdrawn')
      OR NEW.state = 'used' AND (NEW.decided_by, NEW.decided_by_id, NEW.decided_at, NEW.decided_note)
        IS DISTINCT FROM (OLD.decided_by, OLD.decided_by_id, OLD.decided_at, OLD.decided_note)))
  EXECUTE FUNCTION evidence_only_grows();
